"""A matrix rounded to 8 bits a number."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from eigenlm.compression.actions import Action, Found
from eigenlm.compression.offers import Changes, CompressionMethod, Fit, Metric
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


def fit(layer: LinearMap, found: Found, _: Metric) -> Fit:
    """One offer, where it is smaller than what is there; nothing is fitted."""
    action = Int8()
    return Changes(layer, found, [(action, {})] if action.num_bytes(found) < found.num_bytes_before else [])


METHOD = CompressionMethod(fit)
