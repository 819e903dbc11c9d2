"""An analysis as Plotly figures, to look at in a notebook and to style."""

import math

import plotly.graph_objects as go
import torch

from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.kinds import kind_of, layer_of, short_kinds
from eigenlm.analysis.page_part import Cell, Column
from eigenlm.analysis.rows import parts, table
from eigenlm.analysis.spectra import MatrixSpectrum
from eigenlm.errors import ConfigError, did_you_mean, explain


def plot(analysis: Analysis, what: str) -> go.Figure:
    """The singular values of one matrix, or one figure of all matrices as a map.

    Args:
        analysis: what was found.
        what: the name of a matrix, or of a column of numbers of `Analysis.to_pandas`.

    Raises:
        ConfigError: there is no such matrix or column.
    """
    by_name = {matrix.name: matrix for matrix in analysis.matrices}
    if what in by_name:
        return _singular_values(by_name[what])
    columns, cells = table(list(by_name), parts(analysis.results).values())
    mapped = {column.key: column for column in columns if column.style != "text"}
    if what not in mapped:
        expected, do = f"the name of a matrix, or one of {', '.join(mapped)}", did_you_mean(what, [*mapped, *by_name])
        raise ConfigError(explain("plot", expected=expected, got=repr(what), do=do))
    return _map(mapped[what], {name: _number(row[what]) for name, row in zip(by_name, cells)})


def _singular_values(matrix: MatrixSpectrum) -> go.Figure:
    S = matrix.singular_values
    figure = go.Figure(go.Scatter(x=torch.arange(1, len(S) + 1).tolist(), y=S.tolist(), name="singular values"))
    if matrix.noise is not None:
        figure.add_hline(y=matrix.noise.sigma_plus, line_dash="dash", annotation_text="the largest of pure noise")
    title = f"{matrix.name}, {matrix.rows:,} \N{MULTIPLICATION SIGN} {matrix.columns:,}"
    return figure.update_layout(title=title, xaxis_title="number", yaxis_title="singular value", yaxis_type="log")


def _map(column: Column, values: dict[str, float | None]) -> go.Figure:
    """A cell for each matrix: layers to the right, kinds of matrix downwards; those of no layer stand at the left."""
    kinds = list(dict.fromkeys(map(kind_of, values)))
    layers = sorted({layer for name in values if (layer := layer_of(name)) is not None})
    across = ["-", *map(str, layers)]
    cells: list[list[float | None]] = [[None] * len(across) for _ in kinds]
    for name, value in values.items():
        layer = layer_of(name)
        cells[kinds.index(kind_of(name))][0 if layer is None else 1 + layers.index(layer)] = value
    heat = go.Heatmap(z=cells, x=across, y=list(short_kinds(kinds).values()), colorscale="Viridis", hoverongaps=False)
    figure = go.Figure(heat).update_layout(title=column.key, xaxis_title="layer", xaxis_type="category")
    return figure.update_yaxes(autorange="reversed")


def _number(cell: Cell) -> float | None:
    """A cell as a number that can be drawn; of an estimate with its interval, the estimate."""
    value = cell[0] if isinstance(cell, list) else cell
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
