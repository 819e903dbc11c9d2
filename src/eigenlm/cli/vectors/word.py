"""`eigenlm vectors word`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.options import Compute
from eigenlm.cli.output import print_json, print_table
from eigenlm.errors import counted
from eigenlm.plain_table import some
from eigenlm.terminal import Terminal, say, tell

if TYPE_CHECKING:
    from eigenlm.vectors.contextual import SenseGroups, WordInContext

_SENTENCES = 3  # of a group that are shown


@dataclass(frozen=True)
class VectorsWordCommand(Command):
    """One word in its sentences, layer by layer: how alike its vectors stay, and the groups they fall into."""

    word: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WORD")]
    model: Annotated[
        str,
        tyro.conf.arg(
            metavar="MODEL",
            aliases=["-m"],
            help="A folder, a .gguf file, an installed model package, or a Hub name.",
        ),
    ]
    text: Annotated[
        Path,
        tyro.conf.arg(
            name="sentences",
            metavar="PATH",
            help="A text of one sentence a line, a jsonl or parquet file, a folder of them, or - for standard input.",
        ),
    ]
    layer: Annotated[
        int | None,
        tyro.conf.arg(
            metavar="INT", help="After which groups are looked for, 0 for the embedding; the last by default."
        ),
    ] = None
    count: Annotated[
        int, tyro.conf.arg(metavar="INT", help="The most occurrences that are looked at, spread over the text.")
    ] = 500
    seed: int = 0
    """Draws the same other words again, and the same clouds without groups."""
    html: Annotated[
        Path | None, tyro.conf.arg(metavar="PATH", help="Write a page there with a picture of every layer; no network.")
    ] = None
    compute: Compute = field(default_factory=Compute)

    def run(self) -> None:
        """Run every sentence with the word, and print what the model made of it."""
        from eigenlm.vectors.contextual import word_in_context
        from eigenlm.vectors.contextual.page import write_page

        lm = self.compute.load(self.model)
        found = word_in_context(lm, self.word, self.text, layer=self.layer, most=self.count, seed=self.seed)
        if found.num_left_out:
            lines = counted(found.num_left_out, "line") + " with the word left out"
            tell(f"eigenlm: {lines}: longer than the model's context, or with a control token")
        if self.html is not None:
            write_page(found, self.model, self.html)
        if self.json:
            print_json(found)
            return
        _print(found, quiet=self.quiet)
        if self.html is not None:
            say(f"\npage: {self.html}")


def _print(found: "WordInContext", *, quiet: bool) -> None:
    _print_layers(found)
    if quiet:
        return
    spellings = dict.fromkeys(" ".join(place.pieces) for place in found.sentences)
    pieces = ", ".join(list(spellings)[:3]) + (", ..." if len(spellings) > 3 else "")
    _wrapped(
        f"Same word: cosines of its vectors in two sentences; other words: of any two. The difference is what the word"
        f" itself keeps. Tokens: {pieces}; where there are several, the mean of their vectors."
    )
    if found.left_context_only:
        _wrapped("This model sees only what stands before the word.")
    say("")
    _print_groups(found)
    if found.static_neighbours:
        _wrapped(f"\nIn the table of the embedding it lies near {_with_cosines(found.static_neighbours)}.")


def _print_layers(found: "WordInContext") -> None:
    places = counted(len(found.sentences), "place")
    of = f" of {found.num_places:,}" if found.num_places > len(found.sentences) else ""
    columns = ["after", "same word", "lowest", "highest", "other words", "difference", "one vector explains"]
    columns += ["of others", "with static"]
    rows = [
        (
            layer.name,
            _figure(layer.mean),
            _figure(layer.lowest),
            _figure(layer.highest),
            _figure(layer.baseline),
            _figure(layer.adjusted),
            _percent(layer.explained),
            _percent(layer.explained_baseline),
            _figure(layer.with_static),
        )
        for layer in some(found.layers)
    ]
    print_table(f"'{found.word}' in {places}{of}; {counted(found.num_lines, 'line')} read", columns, rows)


def _print_groups(found: "WordInContext") -> None:
    groups = found.groups
    _wrapped(_verdict(groups, len(found.sentences)))
    for number, group in enumerate(groups.groups if groups.is_clear else ()):
        _wrapped(f"\n{number + 1}. {counted(group.count, 'place')}, toward {_with_cosines(group.nearest)}")
        own = [place for place in found.sentences if place.group == number]
        for place in own[:_SENTENCES]:
            say(f"   {_around(place.text, place.first, place.end)}")
        if len(own) > _SENTENCES:
            say(f"   and {len(own) - _SENTENCES:,} more: --json lists them")


def _wrapped(text: str) -> None:
    """A paragraph, broken between words."""
    from rich.text import Text

    Terminal().print(Text(text))


def _verdict(groups: "SenseGroups", count: int) -> str:
    from eigenlm.vectors.contextual.groups import FEWEST

    if groups.silhouette is None or groups.p is None:
        return f"No groups are told in {counted(count, 'place')}: it takes {FEWEST} that are not alike."
    told = f"the best cut has a silhouette of {groups.silhouette:.2f}, and"
    share = f"{groups.p:.1%} of clouds without groups"
    if groups.is_clear:
        return f"After {groups.layer} it falls into {len(groups.groups)} groups: {told} {share} are parted as well."
    return f"No groups stand out after {groups.layer}: {told} {share} are parted as well (wanted: 0.25, and below 5%)."


def _around(text: str, first: int, end: int) -> str:
    """A line of a text that shows the word and what is beside it."""
    width = max(20, Terminal().width - 4)
    start = max(0, min(first - (width - (end - first)) // 2, len(text) - width))
    shown = " ".join(text[start : start + width].split())
    return ("..." + shown[3:] if start else shown) if start + width >= len(text) else f"{shown[:-3]}..."


def _with_cosines(words: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(f"{word} {cosine:.2f}" for word, cosine in words)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
