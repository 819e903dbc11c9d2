"""The table of a page: a row per matrix, and the columns of all sections and of the plan."""

import math
from collections.abc import Iterable, Sequence

from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.page.effect import PlannedRank
from eigenlm.analysis.page_part import Cell, Column, PagePart, field_column


def table(names: Sequence[str], parts: Iterable[PagePart]) -> tuple[list[Column], list[dict[str, Cell]]]:
    """The columns in which at least one matrix has something, and the cells of each matrix by key.

    Args:
        names: the names of the matrices.
        parts: what the sections put on the page.
    """
    held = [(column, part.rows) for part in parts for column in part.columns]
    cells = [{c.key: _plain(c.cell(rows[name])) if name in rows else None for c, rows in held} for name in names]
    known = {key for row in cells for key, cell in row.items() if cell is not None}
    shown = [column for column, _ in held if column.key in known or not column.group]
    return shown, [{column.key: row[column.key] for column in shown} for row in cells]


def plan_part(plan: Sequence[PlannedRank], analysis: Analysis) -> PagePart:
    """The columns of a plan, beside the matrices that it touches."""
    by_name = {matrix.name: matrix for matrix in analysis.matrices}

    def rank(row: PlannedRank) -> Cell:
        return row.rank or len(by_name[row.name].singular_values)

    def share(row: PlannedRank) -> Cell:
        return row.num_params / (by_name[row.name].rows * by_name[row.name].columns)

    columns = (
        Column(key="planned_rank", group="Plan", cell=rank, style="rank"),
        Column(key="planned_share", group="Plan", cell=share, style="percent", map="linear"),
        field_column("Plan", "loss", key="planned_loss"),
    )
    return PagePart(rows={row.name: row for row in plan}, columns=columns)


def _plain(cell: Cell) -> Cell:
    """A cell as JSON can hold it, to six digits: NaN is nothing, infinity a sign of its own."""
    if isinstance(cell, list):
        return [None if end is None else float(f"{end:.6g}") for end in cell]
    if not isinstance(cell, float):
        return cell
    if math.isfinite(cell):
        return float(f"{cell:.6g}")
    return None if math.isnan(cell) else "∞"
