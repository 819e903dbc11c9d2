"""Curvature on the page: eigenvalues, density, gains of layers, and columns of each matrix's block."""

from collections.abc import Callable

from eigenlm.analysis.curvature.results import BlockCurvature, Curvature
from eigenlm.analysis.page_part import Cell, Column, PagePart, Scale, Style, field_column, filled, read_field
from eigenlm.analysis.section import Results
from eigenlm.config import to_dict
from eigenlm.offline_page import part

_HERE = "eigenlm.analysis.curvature"


def _estimate(name: str, key: str, style: Style = "number", map: Scale | None = None) -> Column:
    """A figure with its interval."""
    return Column(key=key, group="Curvature", cell=_interval(name), style=style, map=map)


def _interval(name: str) -> Callable[[BlockCurvature], Cell]:
    def cell(block: BlockCurvature) -> Cell:
        estimate = read_field(name, block)
        return None if estimate is None else [estimate.value, estimate.low, estimate.high]

    return cell


def _largest(block: BlockCurvature) -> Cell:
    top = block.largest
    return None if top is None else [top.value, top.value - top.residual, top.value + top.residual]


_COLUMNS = (
    field_column("Curvature", "trace_per_param", map="log", key="block_trace_per_param"),
    _estimate("trace", "block_trace"),
    _estimate("hessian_trace", "block_hessian_trace"),
    _estimate("frobenius_norm", "block_norm"),
    Column(key="block_largest", group="Curvature", cell=_largest),
    _estimate("kfac_error", "kfac_error", "percent", "linear"),
    _estimate("kfac_trace_ratio", "kfac_trace_ratio"),
    _estimate("kfac_cosine", "kfac_cosine"),
)


def page(found: Curvature, _: Results) -> PagePart:
    """Charts of the whole loss, and the columns of each matrix."""
    return PagePart(
        html=filled(_HERE, "page.html", {"curvature": found}),
        links=(("curvature", "Curvature"),),
        script=part(_HERE, "page.js"),
        data=to_dict(found),
        rows={block.name: block for block in found.blocks},
        columns=_COLUMNS,
    )
