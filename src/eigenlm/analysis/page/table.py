"""The table of a page: a row per matrix, and the columns of all sections and of the plan."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from eigenlm.analysis.kinds import kind_of, layer_of
from eigenlm.analysis.page.effect import Planned
from eigenlm.analysis.page_part import Cell, Column, PagePart, field_column
from eigenlm.analysis.rows import table


@runtime_checkable
class MatrixRow(Protocol):
    """What a row of the table is of: a matrix of this name and size."""

    @property
    def name(self) -> str:
        """The matrix's."""

    @property
    def rows(self) -> int:
        """Its outputs."""

    @property
    def columns(self) -> int:
        """Its inputs."""


def shown_table(names: Sequence[str], parts: Iterable[PagePart]) -> tuple[list[Column], list[dict[str, Cell]]]:
    """`table` with numbers to the digits that a page shows."""
    columns, cells = table(names, parts)
    return columns, [{key: _plain(cell) for key, cell in row.items()} for row in cells]


def table_data(matrices: Sequence[MatrixRow], parts: Iterable[PagePart]) -> dict[str, Any]:
    """What the scripts of map and table read: the columns, and a row for each matrix."""
    columns, cells = shown_table([matrix.name for matrix in matrices], parts)
    return {
        "columns": [
            {"key": column.key, "group": column.group, "style": column.style, "map": column.map} for column in columns
        ],
        "matrices": [
            {"name": matrix.name, "kind": kind_of(matrix.name), "layer": layer_of(matrix.name)}
            | {"rows": matrix.rows, "columns": matrix.columns, "cells": row}
            for matrix, row in zip(matrices, cells)
        ],
    }


def plan_part(plan: Sequence[Planned]) -> PagePart:
    """The columns of a plan, beside the matrices that it touches."""
    columns = (
        field_column("Plan", "label", "text", key="planned_label"),
        field_column("Plan", "bits", map="linear", key="planned_bits"),
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
