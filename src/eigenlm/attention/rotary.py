"""Rotary positions: queries and keys are turned by an angle that grows with their place."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RotaryConfig:
    """How far each pair of numbers is turned for each token.

    Attributes:
        base: the slowest wavelength is about 2 pi * base tokens.
        width: how many of a head's numbers are turned, the first ones; None for all.
        frequency_factors: each frequency is divided by its factor (position interpolation, Llama 3, YaRN and LongRoPE
            are all of this form); None for no scaling.
        long_factors: take their place where the longest text of a batch is longer than `original_length` (LongRoPE,
            arXiv:2402.13753); keys that a state already holds stay turned as they were.
        original_length: see `long_factors`.
        scale: of the turned numbers (YaRN's attention factor, arXiv:2309.00071, section 3.4).
    """

    base: float = 10000.0
    width: int | None = None
    frequency_factors: tuple[float, ...] | None = None
    long_factors: tuple[float, ...] | None = None
    original_length: int | None = None
    scale: float = 1.0

    def frequencies(self, head_dim: int, positions: Int[Tensor, "B T"]) -> Float[Tensor, "#B 1 1 half"]:
        """Radians per token of each pair, by the length of each text."""
        plain = frequencies(self.width or head_dim, self.base, positions.device)

        def scaled(factors: tuple[float, ...] | None) -> Tensor:
            frequency = plain if factors is None else plain / torch.tensor(factors, device=plain.device)
            return frequency[None, None, None]

        if self.long_factors is None or self.original_length is None:
            return scaled(self.frequency_factors)
        is_long_B1 = positions.amax(dim=1, keepdim=True) >= self.original_length
        return torch.where(is_long_B1[..., None, None], scaled(self.long_factors), scaled(self.frequency_factors))


@dataclass(frozen=True)
class Rotation:
    """cos and sin of position * frequency, shared by all heads and by all layers that turn alike.

    Attributes:
        cos: (B, T, 1, width / 2).
        sin: (B, T, 1, width / 2).
    """

    cos: Float[Tensor, "B T 1 half"]
    sin: Float[Tensor, "B T 1 half"]


def frequencies(width: int, base: float, device: torch.device) -> Float[Tensor, " half"]:
    """base^(-2i / width) for i = 0 .. width/2 - 1, in radians per token."""
    return 1.0 / base ** (torch.arange(0, width, 2, dtype=torch.float32, device=device) / width)


def rotation(positions: Int[Tensor, "B T"], config: RotaryConfig, head_dim: int, dtype: torch.dtype) -> Rotation:
    """The rotation of each position, computed in float32; source: arXiv:2104.09864, (15).

    Args:
        positions: (B, T) places, at least 0.
        config: the angles.
        head_dim: K.
        dtype: of the result.
    """
    angles_BT1F = positions[..., None, None].float() * config.frequencies(head_dim, positions)
    cos, sin = angles_BT1F.cos(), angles_BT1F.sin()
    if config.scale != 1.0:
        cos, sin = cos * config.scale, sin * config.scale
    return Rotation(cos.to(dtype), sin.to(dtype))


def rotate(x: Float[Tensor, "B T H K"], by: Rotation) -> Float[Tensor, "B T H K"]:
    """Turn the pair (x_i, x_{i + width/2}) of each head by the angle of frequency i; numbers beyond the width stay."""
    width = 2 * by.cos.shape[-1]
    if width < x.shape[-1]:
        return torch.cat([rotate(x[..., :width], by), x[..., width:]], dim=-1)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * by.cos - second * by.sin, second * by.cos + first * by.sin], dim=-1)
