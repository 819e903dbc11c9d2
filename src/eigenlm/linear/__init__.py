"""Linear layers under one contract: forward(x) equals F.linear(x, layer.dense(), layer.bias)."""

from eigenlm.linear.blocks import BlockLinear
from eigenlm.linear.codebook import CodebookLinear
from eigenlm.linear.contract import LinearMap, linear_maps
from eigenlm.linear.dense import DenseLinear
from eigenlm.linear.int8 import Int8Linear
from eigenlm.linear.interpolative import InterpolativeLinear
from eigenlm.linear.low_rank import LowRankLinear
from eigenlm.linear.nested import NestedLinear
from eigenlm.linear.registry import LINEAR_MAPS, linear_map
from eigenlm.linear.sum import SumLinear
from eigenlm.linear.trellis import TrellisLinear

__all__ = [
    "LINEAR_MAPS",
    "BlockLinear",
    "CodebookLinear",
    "DenseLinear",
    "Int8Linear",
    "InterpolativeLinear",
    "LinearMap",
    "LowRankLinear",
    "NestedLinear",
    "SumLinear",
    "TrellisLinear",
    "linear_map",
    "linear_maps",
]
