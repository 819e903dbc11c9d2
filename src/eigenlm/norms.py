"""Normalisation of the residual stream."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class NormConfig:
    """Which norm, and the number added to the variance.

    `layer`: (x - mean) / sqrt(var + eps) * weight + bias (arXiv:1607.06450).
    `rms`: x / sqrt(mean(x^2) + eps) * weight (arXiv:1910.07467).
    """

    kind: Literal["layer", "rms"] = "layer"
    eps: float = 1e-5


class LayerNorm(nn.LayerNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias, in the precision of the weight; returned in that of x."""

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Norm the last dimension."""
        if x.device.type == "cpu":  # torch's kernel there takes a half-precision x beside float32 weights
            return super().forward(x)
        return super().forward(x.to(self.weight.dtype)).to(x.dtype)


class RMSNorm(nn.RMSNorm):
    """x / sqrt(mean(x^2) + eps) * weight, in the precision of the weight; returned in that of x."""

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Norm the last dimension."""
        return super().forward(x.to(self.weight.dtype)).to(x.dtype)


def build_norm(config: NormConfig, width: int) -> nn.Module:
    """A norm over the last dimension, of size `width`."""
    return LayerNorm(width, eps=config.eps) if config.kind == "layer" else RMSNorm(width, eps=config.eps)
