"""How the tour talks: numbered steps, short paragraphs, small tables."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from eigenlm.errors import visible
from eigenlm.plain_table import PlainTable, left_out

STEPS = 6


class Story:
    """Prints the tour on one console.

    Args:
        console: standard output, or standard error when a program reads the result.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._step, self._told = 0, False

    def step(self, title: str, why: str) -> None:
        """Begin the next step: what happens, and why one would do it."""
        self._step += 1
        self.console.rule(f"[bold]{self._step} of {STEPS}  {title}[/]", align="left", style="dim")
        self.say(why)

    def say(self, text: str) -> None:
        """A paragraph, with rich's markup."""
        self.console.print(Padding(text, (0, 0, 1, 0)), highlight=False)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Names and figures; the first table that has no room for all of its columns says so."""
        table = PlainTable("", columns)
        for row in rows:
            table.add_row(*row)
        self.console.print(Padding(table, (0, 0, 1, 2)))
        if not self._told and (told := left_out([table], self.console.width - 2)):
            self.say(f"[dim]{escape(told)}[/]")
            self._told = True

    def to_paste(self, title: str, commands: Sequence[str]) -> None:
        """Command lines, each in one line however long it is."""
        lines = [title, *(f"  {escape(command)}" for command in commands), ""]
        self.console.print("\n".join(lines), soft_wrap=True, highlight=False)

    def quote(self, question: str, answer: Iterator[str]) -> str:
        """A question and its answer, printed as it comes; gives the whole answer."""
        self.console.print(f"  [bold]>[/] {question}\n  ", end="", highlight=False)
        said = ""
        for piece in answer:
            self.console.out(visible(piece), end="", highlight=False)
            said += piece
        self.console.print("\n")
        return said
