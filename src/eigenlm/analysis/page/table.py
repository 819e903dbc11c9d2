"""The table of a page: a row per matrix, and the columns of all sections and of the plan."""

import math
from collections.abc import Iterable, Sequence

from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.page.effect import PlannedRank
from eigenlm.analysis.page_part import Cell, Column, PagePart, field_column
from eigenlm.analysis.rows import table


def shown_table(names: Sequence[str], parts: Iterable[PagePart]) -> tuple[list[Column], list[dict[str, Cell]]]:
    """`table` with numbers to the digits that a page shows."""
    columns, cells = table(names, parts)
    return columns, [{key: _plain(cell) for key, cell in row.items()} for row in cells]


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
