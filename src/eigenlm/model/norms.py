"""Normalisation of the residual stream."""

from dataclasses import dataclass
from typing import Literal

from torch import nn


@dataclass(frozen=True, kw_only=True)
class NormConfig:
    """Which norm, and the number added to the variance.

    `layer`: (x - mean) / sqrt(var + eps) * weight + bias (arXiv:1607.06450).
    `rms`: x / sqrt(mean(x^2) + eps) * weight (arXiv:1910.07467).
    """

    kind: Literal["layer", "rms"] = "layer"
    eps: float = 1e-5


def build_norm(config: NormConfig, width: int) -> nn.Module:
    """A norm over the last dimension, of size `width`."""
    return nn.LayerNorm(width, eps=config.eps) if config.kind == "layer" else nn.RMSNorm(width, eps=config.eps)
