"""What was found out about the model at work, as tables for a terminal of 80 columns."""

from collections.abc import Sequence
from statistics import median
from typing import TypeVar

from rich.table import Table
from rich.text import Text

from eigenlm.analysis.activations import Activations
from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.curvature import BlockCurvature, Curvature, Eigenvalue
from eigenlm.analysis.figure import figure
from eigenlm.analysis.kinds import by_kind
from eigenlm.analysis.table import plain_table, short_kind

_MOST_ROWS = 12

Row = TypeVar("Row")


def section_tables(analysis: Analysis) -> list[Table]:
    """Tables of all sections that were measured."""
    return [*activation_tables(analysis), *curvature_tables(analysis), *sense_tables(analysis)]


def activation_tables(analysis: Analysis) -> list[Table]:
    """Layers, inputs of matrices by kind, and heads by what they do; none without activations."""
    found = analysis.activations
    if found is None:
        return []
    tables = [_layers(found)] if found.layers else []
    tables += [_inputs(found)] if found.linear_inputs else []
    return [*tables, _heads(found)] if found.heads else tables


def curvature_tables(analysis: Analysis) -> list[Table]:
    """Eigenvalues, blocks by kind of matrix, and gains of layers; none without curvature."""
    found = analysis.curvature
    if found is None:
        return []
    tables = [_eigenvalues(found)] if found.hessian_largest or found.gauss_newton_largest else []
    tables += [_blocks(found.blocks)] if found.blocks else []
    return [*tables, _flow(found)] if found.gradient_flow else tables


def sense_tables(analysis: Analysis) -> list[Table]:
    """The separation of a word's senses by layer; none if it was not asked for."""
    senses = analysis.senses
    if senses is None:
        return []
    title = f"'{senses.word}' as {' or '.join(senses.counts)}, by layers passed"
    table = plain_table(title, ["layers", "separation", "95% interval", "nearest is right", "p"])
    for layer in _some(senses.layers):
        found = layer.centred
        interval = f"{found.separation.low:.3f} to {found.separation.high:.3f}"
        figures = [f"{found.separation.value:.3f}", interval, f"{found.accuracy:.0%}", f"{found.p_adjusted:.2g}"]
        table.add_row(str(layer.layer) + (" best" if layer.layer == senses.best_layer else ""), *figures)
    return [table]


def _layers(found: Activations) -> Table:
    columns = ["after", "length", "first\ntoken", "intrinsic\ndimension", "directions", "loss if it\nstopped", "agrees"]
    table = plain_table("Residual stream", columns)
    for layer in _some(found.layers):
        dimension = layer.intrinsic_dimension
        table.add_row(
            Text(layer.name),
            figure(layer.mean_norm),
            figure(layer.first_token_norm),
            "-" if dimension is None else f"{dimension.value:.1f}",
            "-" if layer.participation_ratio is None else f"{layer.participation_ratio:.1f}",
            "-" if layer.lens is None else f"{layer.lens.nll:.2f}",
            "-" if layer.lens is None else f"{layer.lens.agreement:.0%}",
        )
    return table


def _inputs(found: Activations) -> Table:
    columns = ["kind", "", "effect. rank\nof inputs", "rank 90%\nof outputs", "outlier\nchannels", "largest\nchannel"]
    table = plain_table("What matrices are given, the median over layers", columns)
    for kind, rows in by_kind(found.linear_inputs).items():
        shares = [row.outliers[0].energy_share if row.outliers else 0.0 for row in rows]
        table.add_row(
            Text(short_kind(kind)),
            str(len(rows)),
            f"{median(row.effective_rank for row in rows):.0f}",
            f"{median(row.output_rank_90 for row in rows):.0f}",
            f"{median(row.num_outliers for row in rows):.0f}",
            f"{max(shares):.0%}",
        )
    return table


def _heads(found: Activations) -> Table:
    table = plain_table("What attention heads do", ["kind", "heads", "layers"])
    kinds: dict[str, list[int]] = {}
    for head in found.heads:
        kinds.setdefault(head.kind, []).append(head.layer)
    for kind, layers in sorted(kinds.items(), key=lambda item: -len(item[1])):
        low, high = min(layers), max(layers)
        table.add_row(kind, str(len(layers)), str(low) if low == high else f"{low} to {high}")
    return table


def _eigenvalues(found: Curvature) -> Table:
    rows = {
        "Hessian, largest": found.hessian_largest[:5],
        "Hessian, smallest": found.hessian_smallest[:5],
        "Gauss-Newton": found.gauss_newton_largest[:5],
    }
    most = max(map(len, rows.values()))
    table = plain_table("Outermost eigenvalues", ["", *(str(i + 1) for i in range(most))])
    for name, values in rows.items():
        if values:
            table.add_row(name, *map(_eigenvalue, values))
    notes = [
        f"{name} {figure(estimate.value)} ({figure(estimate.low)} to {figure(estimate.high)})"
        for name, estimate in (("trace", found.hessian_trace), ("of Gauss-Newton", found.gauss_newton_trace))
        if estimate is not None
    ]
    table.caption = Text("; ".join(notes))
    table.caption_justify = "left"
    return table


def _eigenvalue(value: Eigenvalue) -> str:
    return f"{value.value:.3g}\n± {value.residual:.1g}"


def _blocks(blocks: Sequence[BlockCurvature]) -> Table:
    table = plain_table("Curvature by kind, the median over layers", ["kind", "", "mean curvature", "KFAC error"])
    for kind, rows in by_kind(blocks).items():
        curved = [row.trace_per_param for row in rows if row.trace_per_param is not None]
        errors = [row.kfac_error.value for row in rows if row.kfac_error is not None]
        cells = [f"{median(curved):.2e}" if curved else "-", f"{median(errors):.0%}" if errors else "-"]
        table.add_row(Text(short_kind(kind)), str(len(rows)), *cells)
    return table


def _flow(found: Curvature) -> Table:
    flow = found.gradient_flow
    table = plain_table("Gain of layers (mean ln of the factor)", ["layer", "gain", "without norms", "largest factor"])
    for layer in _some(flow.layers) if flow else ():
        gains = [layer.gain, layer.gain_without_norms]
        cells = ["-" if gain is None else f"{gain.log_gain:+.3f}" for gain in gains]
        table.add_row(Text(layer.name), *cells, "-" if layer.gain is None else figure(layer.gain.largest))
    return table


def _some(rows: Sequence[Row]) -> list[Row]:
    """At most twelve rows, evenly spread, the first and the last among them."""
    if len(rows) <= _MOST_ROWS:
        return list(rows)
    return [rows[round(i * (len(rows) - 1) / (_MOST_ROWS - 1))] for i in range(_MOST_ROWS)]
