"""Normalisation of the residual stream."""

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.errors import ConfigError, explain


@dataclass(frozen=True, kw_only=True)
class NormConfig:
    """Which norm, and the number added to the variance.

    `layer`: (x - mean) / sqrt(var + eps) * weight + bias (arXiv:1607.06450).
    `rms`: x / sqrt(mean(x^2) + eps) * weight (arXiv:1910.07467).

    Attributes:
        kind: which.
        eps: what is added.
        bias: whether a layer norm has one.
        unit_offset: whether the weight is kept less 1, so that x is multiplied by 1 + weight (Gemma).
    """

    kind: Literal["layer", "rms"] = "layer"
    eps: float = 1e-5
    bias: bool = True
    unit_offset: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no norm."""
        if not 0.0 <= self.eps < 1.0:
            raise ConfigError(explain("norm.eps", expected="a small number, at least 0", got=self.eps))
        if self.unit_offset and self.kind != "rms":
            raise ConfigError(explain("norm.unit_offset", expected="a norm of kind rms", got=self.kind))


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

    def factor(self) -> Float[Tensor, " width"]:
        """What the normed numbers are multiplied by."""
        return self.weight


class OffsetRMSNorm(RMSNorm):
    """x / sqrt(mean(x^2) + eps) * (1 + weight); a new one has weights 0."""

    def reset_parameters(self) -> None:
        """Begin with the factor 1."""
        nn.init.zeros_(self.weight)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Norm the last dimension."""
        return F.rms_norm(x.to(self.weight.dtype), self.normalized_shape, self.factor(), self.eps).to(x.dtype)

    def factor(self) -> Float[Tensor, " width"]:
        """What the normed numbers are multiplied by."""
        return 1.0 + self.weight


def build_norm(config: NormConfig, width: int) -> nn.Module:
    """A norm over the last dimension, of size `width`."""
    if config.kind == "layer":
        return LayerNorm(width, eps=config.eps, bias=config.bias)
    return (OffsetRMSNorm if config.unit_offset else RMSNorm)(width, eps=config.eps)
