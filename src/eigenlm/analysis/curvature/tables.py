"""The curvature of a model's loss, as tables for a terminal."""

from collections.abc import Sequence
from statistics import median

from eigenlm.analysis.curvature.results import BlockCurvature, Curvature, Eigenvalue
from eigenlm.analysis.figure import figure
from eigenlm.analysis.kinds import by_kind
from eigenlm.curvature.gradient_flow import GradientFlow
from eigenlm.plain_table import PlainTable, some


def curvature_tables(found: Curvature) -> list[PlainTable]:
    """Eigenvalues, blocks by kind of matrix, and gains of layers; below them, what is missing."""
    tables = [_eigenvalues(found)] if found.hessian_largest or found.gauss_newton_largest else []
    tables += [_blocks(found.blocks)] if found.blocks else []
    tables += [_flow(found.gradient_flow)] if found.gradient_flow else []
    if tables:
        tables[-1].with_notes(f"not measured: {part}: {reason}" for part, reason in found.left_out.items())
    return tables


def _eigenvalues(found: Curvature) -> PlainTable:
    rows = {
        "Hessian, largest": found.hessian_largest[:5],
        "Hessian, smallest": found.hessian_smallest[:5],
        "Gauss-Newton, largest": found.gauss_newton_largest[:5],
    }
    most = max(map(len, rows.values()))
    table = PlainTable("Outermost eigenvalues", ["", *(str(i + 1) for i in range(most))])
    for name, values in rows.items():
        if values:
            table.add_row(name, *map(_eigenvalue, values))
    notes = [
        f"trace of the {name}: {figure(estimate.value)} ({figure(estimate.low)} to {figure(estimate.high)})"
        for name, estimate in (("Hessian", found.hessian_trace), ("Gauss-Newton matrix", found.gauss_newton_trace))
        if estimate is not None
    ]
    return table.with_notes(["\N{PLUS-MINUS SIGN}: how far the eigenvalue may be off", *notes])


def _eigenvalue(value: Eigenvalue) -> str:
    return f"{value.value:.3g}\n± {value.residual:.1g}"


def _blocks(blocks: Sequence[BlockCurvature]) -> PlainTable:
    table = PlainTable("Curvature by kind, the median over layers", ["kind", "count", "mean curvature", "KFAC error"])
    for kind, rows in by_kind(blocks).items():
        curved = [row.trace_per_param for row in rows if row.trace_per_param is not None]
        errors = [row.kfac_error.value for row in rows if row.kfac_error is not None]
        cells = [f"{median(curved):.2e}" if curved else "-", f"{median(errors):.0%}" if errors else "-"]
        table.add_row(kind, str(len(rows)), *cells)
    return table


def _flow(flow: GradientFlow) -> PlainTable:
    table = PlainTable(
        "How much layers lengthen gradients: mean of ln(factor)", ["layer", "gain", "without norms", "largest factor"]
    )
    for layer in some(flow.layers):
        gains = [layer.gain, layer.gain_without_norms]
        cells = ["-" if gain is None else f"{gain.log_gain:+.3f}" for gain in gains]
        table.add_row(layer.name, *cells, "-" if layer.gain is None else figure(layer.gain.largest))
    return table
