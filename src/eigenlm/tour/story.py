"""How the tour talks: numbered steps, short paragraphs, small tables."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from eigenlm.errors import visible

STEPS = 6


class Story:
    """Prints the tour on one console.

    Args:
        console: standard output, or standard error when a program reads the result.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._step = 0

    def step(self, title: str, why: str) -> None:
        """Begin the next step: what happens, and why one would do it."""
        self._step += 1
        self.console.rule(f"[bold]{self._step} of {STEPS}  {title}[/]", align="left", style="dim")
        self.say(why)

    def say(self, text: str) -> None:
        """A paragraph, with rich's markup."""
        self.console.print(Padding(text, (0, 0, 1, 0)), highlight=False)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], gap: int = 3) -> None:
        """Figures with `gap` spaces between columns; the first column is words."""
        table = Table(box=None, header_style="dim", padding=(0, gap, 0, 0))
        for i, column in enumerate(columns):
            table.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
        for row in rows:
            table.add_row(*map(escape, row))
        self.console.print(Padding(table, (0, 0, 1, 2)))

    def quote(self, question: str, answer: Iterator[str]) -> str:
        """A question and its answer, printed as it comes; gives the whole answer."""
        self.console.print(f"  [bold]>[/] {question}\n  ", end="", highlight=False)
        said = ""
        for piece in answer:
            self.console.out(visible(piece), end="", highlight=False)
            said += piece
        self.console.print("\n")
        return said
