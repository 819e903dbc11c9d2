"""`eigenlm search`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.embed import tell_of_pooling
from eigenlm.cli.options import Compute, Model
from eigenlm.cli.output import print_json
from eigenlm.errors import counted
from eigenlm.terminal import Terminal, say, tell

if TYPE_CHECKING:
    from eigenlm.sentences import FoundPassages

_LINES = 5  # of a passage that are shown


@dataclass(frozen=True)
class SearchCommand(Command):
    """Search a folder of texts by meaning: the passages that lie nearest to a query, each with its file and line."""

    model: Model
    folder: Annotated[
        Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER", help="Text files, those of folders in it too.")
    ]
    query: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="QUERY", help="What to look for, in words.")]
    count: Annotated[int, tyro.conf.arg(metavar="INT", help="How many passages.")] = 5
    index_file: Annotated[
        Path | None,
        tyro.conf.arg(
            name="index",
            metavar="PATH",
            help="The file that keeps the vectors for the next search; one in the cache by default.",
        ),
    ] = None
    compute: Compute = field(default_factory=Compute)

    def run(self) -> None:
        """Embed what is new, look, and print."""
        from eigenlm.sentences import search

        lm = self.compute.load(self.model)
        tell_of_pooling(lm)
        found = search(lm, self.folder, self.query, count=self.count, index=self.index_file)
        _tell_of_files(found)
        if self.json:
            print_json(found)
        elif self.quiet:
            for answer in found.answers:
                say(f"{answer.file}:{answer.line}")
        else:
            _print_answers(found)


def _tell_of_files(found: "FoundPassages") -> None:
    if found.left_out:
        names = ", ".join(f"{name} ({why})" for name, why in found.left_out[:3])
        more = ", ..." if len(found.left_out) > 3 else ""
        tell(f"eigenlm: {counted(len(found.left_out), 'file')} left out: {names}{more}")
    if found.num_embedded:
        made = f"{counted(found.num_embedded, 'passage')} of {found.num_passages:,} embedded"
        tell(f"eigenlm: {made}; the next search finds their vectors in {found.index}")


def _print_answers(found: "FoundPassages") -> None:
    """Each with its cosine and its place, and below it how it begins."""
    from rich.padding import Padding
    from rich.text import Text

    console = Terminal()
    for number, answer in enumerate(found.answers):
        lines = f"{answer.line}" if answer.line == answer.last_line else f"{answer.line}-{answer.last_line}"
        also = f"  also in {', '.join(answer.also)}" if answer.also else ""
        place = Text(f"{answer.score:.3f}  {answer.file}:{lines}{also}", style="bold")
        console.print(*([""] if number else []), place, soft_wrap=True)  # a path is to be copied
        shown = Text(" ".join(answer.text.split())).wrap(console, max(20, console.width - 7))
        left = len(shown) - _LINES
        for line in shown[:_LINES]:
            console.print(Padding(line, (0, 0, 0, 7)))
        if left > 0:
            console.print(Padding(Text(f"and {counted(left, 'more line')}", style="dim"), (0, 0, 0, 7)))
    console.print(
        f"\nof {counted(found.num_passages, 'passage')} in {counted(found.num_files, 'file')}",
        style="dim",
        highlight=False,
    )
