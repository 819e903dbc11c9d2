"""Linear layers under one contract: forward(x) equals F.linear(x, layer.dense(), layer.bias)."""

from eigenlm.linear.dense import DenseLinear
from eigenlm.linear.interpolative import InterpolativeLinear
from eigenlm.linear.low_rank import LowRankLinear

ThinLinear = LowRankLinear | InterpolativeLinear

__all__ = ["DenseLinear", "InterpolativeLinear", "LowRankLinear", "ThinLinear"]
