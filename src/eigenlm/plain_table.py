"""Tables for a terminal of any width: columns that do not fit are left out, the last first; no number is broken."""

import copy
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.table import Column, Table
from rich.text import Text

from eigenlm.errors import counted

_MOST_ROWS = 12
_WORDS = 24  # letters that a column of words is given, at least, if it has them

Row = TypeVar("Row")


class PlainTable(Table):
    """Names, and then figures, the most important first.

    Args:
        title: stands above.
        columns: their headings.
        words: the headings of those columns, beside the first, that hold words: they are broken between words.
    """

    def __init__(self, title: str, columns: Sequence[str], *, words: Collection[str] = ()) -> None:
        super().__init__(title=title, box=None, pad_edge=False, header_style="dim", show_header=any(columns))
        for i, column in enumerate(columns):
            self.add_column(column, justify="left" if i == 0 or column in words else "right")
        self.left: tuple[str, ...] = ()
        self._words = {0, *(i for i, column in enumerate(columns) if column in words)}

    def add_row(self, *cells: Any, **options: Any) -> None:
        """A row; what is no rich object is shown as it is spelled."""
        super().add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), **options)

    def with_notes(self, notes: Iterable[str]) -> "PlainTable":
        """The table with lines below it, if there are any."""
        lines = [*([str(self.caption)] if self.caption else []), *filter(None, notes)]
        self.caption = "\n".join(lines) or None
        return self

    def fitted(self, width: int) -> "PlainTable":
        """The same with the first columns that fit into so many letters; the second is always among them.

        A column in which nothing is known is no column. `left` holds the headings of those that did not fit.
        """
        fit = copy.copy(self)
        known = [
            i for i, column in enumerate(self.columns) if i == 0 or {str(cell) for cell in column.cells} - {"", "-"}
        ]
        fit.columns, fit._words = [self.columns[i] for i in known], {known.index(i) for i in self._words if i in known}
        gap = 2 if len(fit._widths(width, 2)) == len(known) else 1
        widths, least = fit._widths(width, gap), fit._least(0)
        fit.left = tuple(" ".join(str(column.header).split()) for column in fit.columns[len(widths) :])
        fit.padding = (0, gap, 0, 0)
        fit.columns = [replace(column, width=w, overflow="fold") for column, w in zip(fit.columns, widths)]
        if widths[0] < least:
            fit.columns[0]._cells = [_at_dots(str(cell), widths[0]) for cell in fit.columns[0].cells]
        return fit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        if self.row_count:
            if self.title:
                yield Text(str(self.title), style="bold")
            fit = self.fitted(options.max_width)
            fit.title = fit.caption = None
            yield from Table.__rich_console__(fit, console, options)
        if self.caption:
            yield Text(str(self.caption), style="dim")

    def _widths(self, width: int, gap: int) -> list[int]:
        """Of the columns that fit."""
        least = [self._least(i) for i in range(len(self.columns))]
        names = max(_longest(self.columns[0], r"[\s.]"), width - sum(w + gap for w in least[1:2]))
        widths = [min(least[0], names, width)]
        for i in range(1, len(least)):
            room = width - sum(w + gap for w in widths)
            if i > 1 and least[i] > room:
                break
            widths.append(max(1, min(least[i], room)))
        words = sorted(self._words & set(range(1, len(widths))), key=lambda i: _natural(self.columns[i]))
        for waiting, i in zip(range(len(words), 0, -1), words):
            spare = (width - sum(widths) - gap * (len(widths) - 1)) // waiting
            widths[i] += max(0, min(spare, _natural(self.columns[i]) - widths[i]))
        return widths

    def _least(self, i: int) -> int:
        """The room that a column needs: names and figures all of theirs, words what the longest of them takes."""
        column = self.columns[i]
        head = _longest(Column(header=column.header), r"\s")
        if i in self._words and i > 0:
            return max(head, _longest(column, r"\s"), min(_natural(column), _WORDS))
        return max(head, _natural(replace(column, header="")))


def some(rows: Sequence[Row], *more: Row) -> list[Row]:
    """Twelve rows, evenly spread, the first and the last among them, or fewer; and those wanted in any case."""
    count = min(len(rows), _MOST_ROWS)
    places = {round(i * (len(rows) - 1) / max(count - 1, 1)) for i in range(count)}
    return [row for i, row in enumerate(rows) if i in places or any(row is one for one in more)]


def print_tables(console: Console, tables: Sequence[PlainTable], more: str = "--json") -> None:
    """Print tables with a line between them, and below them which columns there was no room for.

    Args:
        console: where.
        tables: any number.
        more: the options that show what is left out.
    """
    for i, table in enumerate(tables):
        console.print(*([""] if i else []), table)
    if told := left_out(tables, console.width, more):
        console.print(f"\n{told}", style="dim", highlight=False)


def left_out(tables: Iterable[PlainTable], width: int, more: str = "") -> str:
    """Which columns there is no room for, in a sentence; empty if there is room for all.

    Args:
        tables: any number.
        width: of the terminal, in letters.
        more: the options that show what is left out.
    """
    left = [name for table in tables for name in table.fitted(width).left]
    if not left:
        return ""
    where = f"a wider terminal or {more}" if more else "a wider terminal"
    return f"{counted(len(left), 'column')} left out ({', '.join(dict.fromkeys(left))}): {where} shows more."


def _lines(column: Column) -> list[str]:
    return [line for cell in (column.header, *column.cells) for line in str(cell).split("\n")]


def _natural(column: Column) -> int:
    return max(map(cell_len, _lines(column)))


def _longest(column: Column, between: str) -> int:
    """The longest piece that is not broken."""
    return max(cell_len(piece) for line in _lines(column) for piece in re.split(f"(?<={between})", line))


def _at_dots(name: str, width: int) -> Text:
    """A name broken after dots and spaces."""
    lines = [""]
    for piece in re.split(r"(?<=[\s.])", name):
        if lines[-1] and cell_len(lines[-1] + piece) > width:
            lines.append("")
        lines[-1] += piece
    return Text("\n".join(lines))
