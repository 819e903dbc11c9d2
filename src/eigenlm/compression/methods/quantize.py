"""A matrix rounded to 8 bits a number."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from eigenlm.compression.actions import Action, Found
from eigenlm.compression.offers import CompressionMethod, Metric, Offer
from eigenlm.linear import Int8Linear, LinearMap


@dataclass(frozen=True, kw_only=True)
class Int8(Action):
    """Each number is rounded to the nearest of 255 steps of its row."""

    kind = "int8"
    words = "rounded to 8 bits (int8)"

    def num_params(self, found: Found) -> int:
        """The codes and the size of a step in each row."""
        return found.rows * found.columns + found.rows

    def num_bytes(self, found: Found) -> int:
        """One byte a code."""
        return found.rows * found.columns + found.rows * found.itemsize

    def build(self, layer: LinearMap, parts: Mapping[str, Tensor]) -> LinearMap:
        """The rounded layer."""
        return Int8Linear.from_dense(layer.dense(), layer.bias)


def offers(layer: LinearMap, found: Found, metric: Metric) -> list[Offer]:
    """One offer, where it is smaller than what is there."""
    action = Int8()
    if action.num_bytes(found) >= found.num_bytes_before:
        return []
    rounded = action.build(layer, {})
    loss = metric.loss(layer.dense().detach(), rounded.dense().detach())
    return [Offer(action=action, bytes=action.num_bytes(found), loss=loss, time=rounded.num_multiplications)]


METHOD = CompressionMethod(offers)
