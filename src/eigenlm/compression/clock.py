"""What a matrix costs in time: measured on this machine for some offers of each form, the others lying between."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor, nn

from eigenlm.compression.offers import Offer
from eigenlm.engine.packed_linear import copies_apart, fast_linear, least_seconds
from eigenlm.engine.packing import pack
from eigenlm.errors import ConfigError, explain
from eigenlm.linear import LinearMap
from eigenlm.observe.linears import TABLE
from eigenlm.progress import track

_MEASURED = 9  # offers of one kind for a matrix


class Clock:
    """The time that a row takes through matrices, as decoding has it: packed, and read from memory each time."""

    def __init__(self) -> None:
        self._known: dict[Hashable, float] = {}

    def nanoseconds(
        self, layers: Mapping[str, LinearMap], offers: Mapping[str, Sequence[Offer]]
    ) -> dict[str, list[int]]:
        """What each offer for each matrix takes for one row.

        Offers of one kind that are many, as ranks are, are measured at some of them and lie between by the number of
        their multiplications. What is measured of a matrix counts for all of its sizes and kind.

        Args:
            layers: as they are.
            offers: for each of them, those of one kind after each other.
        """
        return {name: self._of_layer(name, layers[name], each) for name, each in track(offers.items(), "timing")}

    def _of_layer(self, name: str, layer: LinearMap, offers: Sequence[Offer]) -> list[int]:
        found: list[int] = []
        for _, group in groupby(offers, key=lambda offer: offer.action.kind):
            each = list(group)
            places = np.unique(np.linspace(0, len(each) - 1, _MEASURED).round().astype(int))
            some = each if len(each) <= 2 * _MEASURED else [each[place] for place in places]
            seconds = [self._seconds(name, layer, offer) for offer in some]
            if len(some) == len(each):
                found += [round(1e9 * second) for second in seconds]
            else:
                between = np.interp([offer.time for offer in each], [offer.time for offer in some], seconds)
                found += (1e9 * between).round().astype(int).tolist()
        return found

    def _seconds(self, name: str, layer: LinearMap, offer: Offer) -> float:
        W = layer.dense()
        form = layer.kind, tuple(W.shape), W.dtype, offer.action.label, name == TABLE, torch.get_num_threads()
        if form not in self._known:
            built = offer.action.build(layer, offer.parts())
            self._known[form] = _least(name, built, torch.ones(1, layer.in_features, dtype=W.dtype))
        return self._known[form]


def check_timed(module: nn.Module) -> None:
    """Refuse a model whose decoding is not timed.

    Raises:
        ConfigError: it is not on the CPU.
    """
    device = next(module.parameters()).device.type
    if device != "cpu":
        do = "plan with --device cpu"
        raise ConfigError(explain("timing matrices", expected="a model on the CPU", got=device, do=do))


@torch.no_grad()
def _least(name: str, layer: LinearMap, x: Tensor) -> float:
    """Seconds of one product, of copies that lie apart."""
    copies = [_fast(name, layer, x.dtype) for _ in range(copies_apart(layer.num_bytes))]
    return least_seconds([copies], x)[0] / len(copies)


def _fast(name: str, layer: LinearMap, dtype: torch.dtype) -> nn.Module:
    """As decoding runs it; a table of tokens scores them whole."""
    if dtype not in (torch.float32, torch.bfloat16) or not torch.backends.mkldnn.is_available():
        return layer
    return fast_linear(layer.coded() or layer.dense(), None) if name == TABLE else pack(layer)
