"""How a transformer knows where a token stands: learned, sinusoidal or rotary positions."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class PositionConfig:
    """Kind of positions.

    Attributes:
        kind: `learned` and `sinusoidal` are added to the embedding; `rotary` turns queries and keys.
        base: the slowest wavelength is about 2 pi * base tokens (sinusoidal and rotary).
        frequency_factors: rotary only: each of the K/2 frequencies is divided by its factor (position interpolation,
            Llama 3 and long-context scalings are all of this form); None for no scaling.
    """

    kind: Literal["learned", "sinusoidal", "rotary"] = "learned"
    base: float = 10000.0
    frequency_factors: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Rotation:
    """cos and sin of position * frequency, shared by all heads and layers.

    Attributes:
        cos: (B, T, 1, K/2).
        sin: (B, T, 1, K/2).
    """

    cos: Float[Tensor, "B T 1 half"]
    sin: Float[Tensor, "B T 1 half"]


def frequencies(width: int, base: float, device: torch.device) -> Float[Tensor, " half"]:
    """base^(-2i / width) for i = 0 .. width/2 - 1, in radians per token."""
    return 1.0 / base ** (torch.arange(0, width, 2, dtype=torch.float32, device=device) / width)


def sinusoidal_positions(positions: Int[Tensor, "B T"], width: int, base: float) -> Float[Tensor, "B T D"]:
    """sin and cos of position * frequency, interleaved; source: arXiv:1706.03762, section 3.5."""
    angles_BTF = positions[..., None].float() * frequencies(width, base, positions.device)
    return torch.stack([angles_BTF.sin(), angles_BTF.cos()], dim=-1).flatten(-2)


def rotation(positions: Int[Tensor, "B T"], head_dim: int, config: PositionConfig, dtype: torch.dtype) -> Rotation:
    """The rotation of each position, computed in float32; source: arXiv:2104.09864, (15)."""
    frequency_F = frequencies(head_dim, config.base, positions.device)
    if config.frequency_factors is not None:
        frequency_F = frequency_F / torch.tensor(config.frequency_factors, device=positions.device)
    angles_BT1F = positions[..., None, None].float() * frequency_F
    return Rotation(angles_BT1F.cos().to(dtype), angles_BT1F.sin().to(dtype))


def rotate(x: Float[Tensor, "B T H K"], by: Rotation) -> Float[Tensor, "B T H K"]:
    """Turn the pair (x_i, x_{i + K/2}) of each head by the angle of frequency i."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * by.cos - second * by.sin, second * by.cos + first * by.sin], dim=-1)
