"""What a page shows of activations beside the curves: channels that stand out, one line each."""

from typing import NamedTuple

from eigenlm.analysis.activations import Activations
from eigenlm.analysis.kinds import kind_of

_MOST = 8


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


def massive_channels(activations: Activations | None) -> list[MassiveChannel]:
    """The channels that grow largest, each with the layer where it does."""
    found: dict[int, MassiveChannel] = {}
    for layer in activations.layers if activations else ():
        for peak in layer.massive:
            old = found.get(peak.channel)
            layers = 1 + (old.layers if old else 0)
            if old is None or peak.ratio > old.ratio:
                old = MassiveChannel(peak.channel, layer.name, peak.ratio, layers, peak.at_first_token)
            found[peak.channel] = old._replace(layers=layers)
    return sorted(found.values(), key=lambda row: -row.ratio)[:_MOST]


def top_outliers(activations: Activations | None) -> list[Outlier]:
    """The channel of the largest share of the energy in each kind of matrix, the largest first."""
    kinds: dict[str, Outlier] = {}
    for row in activations.linear_inputs if activations else ():
        for channel in row.outliers:
            found = Outlier(row.name, channel.channel, channel.ratio, channel.energy_share)
            kind = kind_of(row.name)
            if kind not in kinds or found.energy_share > kinds[kind].energy_share:
                kinds[kind] = found
    return sorted(kinds.values(), key=lambda row: -row.energy_share)[:_MOST]
