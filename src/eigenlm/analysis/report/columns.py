"""The table of a report: a row per matrix, and columns in groups that fit a screen."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eigenlm.analysis.activations import LinearInputs
from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.curvature import BlockCurvature
from eigenlm.analysis.report.effect import PlannedRank
from eigenlm.analysis.spectra import MatrixSpectrum

Cell = str | int | float | list[float | None] | None
"""A text, a number, or a number with the ends of its interval."""

Style = Literal["number", "percent", "rank", "text"]
Scale = Literal["linear", "log"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """All that is known of one matrix.

    Attributes:
        matrix: its spectrum, and what was made of it.
        inputs: what text puts through it; None where that was not measured.
        block: its part of the loss's curvature; None where that was not measured.
        plan: what a plan does to it; None if there is no plan or it leaves the matrix out.
    """

    matrix: MatrixSpectrum
    inputs: LinearInputs | None = None
    block: BlockCurvature | None = None
    plan: PlannedRank | None = None


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        key: names it in addresses, in filters and in the glossary.
        group: the columns that are shown with it; empty if it is always shown.
        cell: what stands in a row.
        style: how it is written; a `rank` is drawn as a share of the full rank too.
        map: how it colours the map of the model; None if it does not.
    """

    key: str
    group: str
    cell: Callable[[Row], Cell]
    style: Style = "number"
    map: Scale | None = None


def table(analysis: Analysis, plan: Sequence[PlannedRank]) -> tuple[list[Column], list[dict[str, Cell]]]:
    """The columns in which at least one matrix has something, and the cells of each matrix by key."""
    rows = list(_rows(analysis, plan))
    cells = [{column.key: _plain(column.cell(row)) for column in COLUMNS} for row in rows]
    known = {key for row in cells for key, cell in row.items() if cell is not None}
    shown = [column for column in COLUMNS if column.key in known or not column.group]
    return shown, [{column.key: row[column.key] for column in shown} for row in cells]


def _rows(analysis: Analysis, plan: Sequence[PlannedRank]) -> Iterator[Row]:
    inputs = {row.name: row for row in analysis.activations.linear_inputs} if analysis.activations else {}
    blocks = {row.name: row for row in analysis.curvature.blocks} if analysis.curvature else {}
    planned = {row.name: row for row in plan}
    for matrix in analysis.matrices:
        name = matrix.name
        yield Row(matrix=matrix, inputs=inputs.get(name), block=blocks.get(name), plan=planned.get(name))


def _plain(cell: Cell) -> Cell:
    """A cell as JSON can hold it, to six digits: NaN is nothing, infinity a sign of its own."""
    if isinstance(cell, list):
        return [None if end is None else float(f"{end:.6g}") for end in cell]
    if not isinstance(cell, float):
        return cell
    if math.isfinite(cell):
        return float(f"{cell:.6g}")
    return None if math.isnan(cell) else "∞"


def _field(
    group: str, part: str, name: str, style: Style = "number", map: Scale | None = None, key: str = ""
) -> Column:
    """A column that is one field of a part of a row, such as `matrix.noise`."""
    return Column(key=key or name, group=group, cell=functools.partial(_read, f"{part}.{name}"), style=style, map=map)


def _read(path: str, row: Row) -> Any:
    """What stands at the end of a path of attributes; None as soon as there is nothing on the way."""
    return functools.reduce(
        lambda holder, name: None if holder is None else getattr(holder, name), path.split("."), row
    )


def _size(row: Row) -> Cell:
    return f"{row.matrix.rows} \N{MULTIPLICATION SIGN} {row.matrix.columns}"


def _alpha(row: Row) -> Cell:
    tail = row.matrix.tail
    return None if tail is None or tail.alpha is None else [tail.alpha, tail.alpha_low, tail.alpha_high]


def _top_outlier(row: Row) -> Cell:
    return row.inputs.outliers[0].energy_share if row.inputs and row.inputs.outliers else None


def _estimate(name: str) -> Callable[[Row], Cell]:
    """A figure of the curvature with its interval."""

    def cell(row: Row) -> Cell:
        estimate = _read(f"block.{name}", row)
        return None if estimate is None else [estimate.value, estimate.low, estimate.high]

    return cell


def _block_largest(row: Row) -> Cell:
    largest = None if row.block is None else row.block.largest
    if largest is None:
        return None
    return [largest.value, largest.value - largest.residual, largest.value + largest.residual]


def _planned(row: Row) -> Cell:
    return None if row.plan is None else row.plan.rank or len(row.matrix.singular_values)


def _planned_share(row: Row) -> Cell:
    return None if row.plan is None else row.plan.num_params / (row.matrix.rows * row.matrix.columns)


_spectrum = functools.partial(_field, "Spectrum", "matrix")
_noise = functools.partial(_field, "Noise", "matrix.noise")
_tail = functools.partial(_field, "Tail", "matrix.tail")
_inputs = functools.partial(_field, "Activations", "inputs")


def _peer(name: str, style: Style = "number") -> Column:
    """A column of WeightWatcher's, whose names would clash with others."""
    return _field("WeightWatcher", "matrix.weightwatcher", name, style, key=f"ww_{name}")


COLUMNS = (
    Column(key="name", group="", cell=lambda row: row.matrix.name, style="text"),
    Column(key="size", group="Spectrum", cell=_size, style="text"),
    _spectrum("storage", "text"),
    _spectrum("frobenius_norm"),
    _spectrum("spectral_norm"),
    _spectrum("condition_number", map="log"),
    _spectrum("stable_rank", map="log"),
    _spectrum("effective_rank", "rank", "linear"),
    _spectrum("numerical_rank", "rank"),
    _spectrum("rank_90", "rank"),
    _spectrum("rank_99", "rank", "linear"),
    _spectrum("break_even_rank", "rank"),
    _noise("num_spikes", "rank", "linear"),
    _noise("spike_energy", "percent", "linear"),
    _noise("noise_std"),
    _noise("sigma_plus"),
    _noise("largest_noise"),
    _noise("bulk_distance"),
    _noise("null_spectral_norm"),
    _noise("num_above_null", "rank"),
    _noise("num_null_spikes"),
    _noise("rand_distance", map="linear"),
    _tail("verdict", "text", key="tail_verdict"),
    Column(key="alpha", group="Tail", cell=_alpha, map="linear"),
    _tail("num_tail", "rank"),
    _tail("xmin"),
    _tail("ks_distance"),
    _tail("goodness_p"),
    _tail("bend"),
    _tail("bend_high"),
    _field("Tail", "matrix.tail.lognormal", "p", key="p_lognormal"),
    _field("Tail", "matrix.tail.truncated_power_law", "p", key="p_truncated_power_law"),
    _field("Tail", "matrix.tail.exponential", "p", key="p_exponential"),
    _peer("alpha"),
    _peer("xmin"),
    _peer("D"),
    _peer("sigma"),
    _peer("num_pl_spikes"),
    _peer("alpha_weighted"),
    _peer("log_alpha_norm"),
    _peer("log_norm"),
    _peer("log_spectral_norm"),
    _peer("entropy"),
    _peer("mp_softrank"),
    _peer("num_spikes"),
    _peer("ERG_gap"),
    _peer("warning", "text"),
    _inputs("mean_square", map="log"),
    _inputs("max_abs"),
    _inputs("first_token_share", "percent"),
    _inputs("mean_share", "percent"),
    _inputs("stable_rank", key="input_stable_rank"),
    _inputs("effective_rank", key="input_effective_rank"),
    _inputs("top_pca_share", "percent"),
    _inputs("num_outliers"),
    Column(key="top_outlier_share", group="Activations", cell=_top_outlier, style="percent", map="linear"),
    _inputs("output_stable_rank"),
    _inputs("output_rank_90", "rank", "linear"),
    _inputs("output_rank_99", "rank"),
    _field("Curvature", "block", "trace_per_param", map="log", key="block_trace_per_param"),
    Column(key="block_trace", group="Curvature", cell=_estimate("trace")),
    Column(key="block_hessian_trace", group="Curvature", cell=_estimate("hessian_trace")),
    Column(key="block_norm", group="Curvature", cell=_estimate("frobenius_norm")),
    Column(key="block_largest", group="Curvature", cell=_block_largest),
    Column(key="kfac_error", group="Curvature", cell=_estimate("kfac_error"), style="percent", map="linear"),
    Column(key="kfac_trace_ratio", group="Curvature", cell=_estimate("kfac_trace_ratio")),
    Column(key="kfac_cosine", group="Curvature", cell=_estimate("kfac_cosine")),
    Column(key="planned_rank", group="Plan", cell=_planned, style="rank"),
    Column(key="planned_share", group="Plan", cell=_planned_share, style="percent", map="linear"),
    _field("Plan", "plan", "loss", key="planned_loss"),
)
