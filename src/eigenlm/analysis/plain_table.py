"""Tables for a terminal, all in one style."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.table import Table
from rich.text import Text

_MOST_ROWS = 12

Row = TypeVar("Row")


def plain_table(title: str, columns: Sequence[str]) -> Table:
    """An empty table, its first column to the left and the others to the right."""
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=None, padding=(0, 1, 0, 0)
    )
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=i == 0, overflow="fold")
    return table


def with_notes(table: Table, notes: Iterable[str]) -> Table:
    """The table with lines below it, if there are any."""
    lines = [*([str(table.caption)] if table.caption else []), *notes]
    if lines:
        table.caption, table.caption_justify = Text("\n".join(lines)), "left"
    return table


def some(rows: Sequence[Row], *more: Row) -> list[Row]:
    """Twelve rows, evenly spread, the first and the last among them, or fewer; and those wanted in any case."""
    count = min(len(rows), _MOST_ROWS)
    places = {round(i * (len(rows) - 1) / max(count - 1, 1)) for i in range(count)}
    return [row for i, row in enumerate(rows) if i in places or any(row is one for one in more)]
