"""Activations on the page: layers, heads, channels that stand out, and columns of what matrices are given."""

import functools
from typing import NamedTuple

from eigenlm.analysis.activations.linear_inputs import LinearInputs
from eigenlm.analysis.activations.reading import Activations
from eigenlm.analysis.kinds import kind_of
from eigenlm.analysis.page_part import Cell, Column, PagePart, field_column, filled
from eigenlm.analysis.section import Results
from eigenlm.config import to_dict
from eigenlm.offline_page import part

_HERE = "eigenlm.analysis.activations"
_MOST = 8


def _top_outlier(row: LinearInputs) -> Cell:
    return row.outliers[0].energy_share if row.outliers else None


_inputs = functools.partial(field_column, "Activations")
_COLUMNS = (
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
)


def page(found: Activations, _: Results) -> PagePart:
    """Charts of layers and heads; rows of matrices stand in the table."""
    values = {"activations": found, "massive": _massive_channels(found), "outliers": _top_outliers(found)}
    return PagePart(
        html=filled(_HERE, "page.html", values),
        links=(("activations", "Activations"),),
        script=part(_HERE, "page.js"),
        data={key: value for key, value in to_dict(found).items() if key != "linear_inputs"},
        rows={row.name: row for row in found.linear_inputs},
        columns=_COLUMNS,
        curves={row.name: {"outputs": list(row.output_energy_kept.items())} for row in found.linear_inputs},
    )


class MassiveChannel(NamedTuple):
    """A channel of the residual stream with massive activations: where they are largest, and in how many layers."""

    channel: int
    layer: str
    ratio: float
    layers: int
    at_first_token: bool


class Outlier(NamedTuple):
    """A channel of a matrix's inputs that is far larger than the others."""

    name: str
    channel: int
    ratio: float
    energy_share: float


def _massive_channels(activations: Activations) -> list[MassiveChannel]:
    """The channels that grow largest, each with the layer where it does."""
    found: dict[int, MassiveChannel] = {}
    for layer in activations.layers:
        for peak in layer.massive:
            old = found.get(peak.channel)
            layers = 1 + (old.layers if old else 0)
            if old is None or peak.ratio > old.ratio:
                old = MassiveChannel(peak.channel, layer.name, peak.ratio, layers, peak.at_first_token)
            found[peak.channel] = old._replace(layers=layers)
    return sorted(found.values(), key=lambda row: -row.ratio)[:_MOST]


def _top_outliers(activations: Activations) -> list[Outlier]:
    """The channel of the largest share of the energy in each kind of matrix, the largest first."""
    kinds: dict[str, Outlier] = {}
    for row in activations.linear_inputs:
        for channel in row.outliers:
            found = Outlier(row.name, channel.channel, channel.ratio, channel.energy_share)
            kind = kind_of(row.name)
            if kind not in kinds or found.energy_share > kinds[kind].energy_share:
                kinds[kind] = found
    return sorted(kinds.values(), key=lambda row: -row.energy_share)[:_MOST]
