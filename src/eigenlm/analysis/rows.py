"""What the sections have to say of each matrix, as the columns of one table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eigenlm.analysis import sections
from eigenlm.analysis.page_part import Cell, Column, PagePart


def parts(results: Mapping[str, Any]) -> dict[str, PagePart]:
    """What each section that was measured shows, by its name."""
    return {s.name: s.page(results[s.name], results) for s in sections.SECTIONS if s.name in results}


def table(names: Sequence[str], parts: Iterable[PagePart]) -> tuple[list[Column], list[dict[str, Cell]]]:
    """The columns in which at least one matrix has something, and the cells of each matrix by key.

    Args:
        names: the names of the matrices.
        parts: what the sections show.
    """
    held = [(column, part.rows) for part in parts for column in part.columns]
    cells = [{c.key: c.cell(rows[name]) if name in rows else None for c, rows in held} for name in names]
    known = {key for row in cells for key, cell in row.items() if cell is not None}
    shown = [column for column, _ in held if column.key in known or not column.group]
    return shown, [{column.key: row[column.key] for column in shown} for row in cells]
