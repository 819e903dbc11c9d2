"""Positions that are added to the embedding: learned or sinusoidal."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.attention.rotary import frequencies


@dataclass(frozen=True, kw_only=True)
class PositionConfig:
    """What is added to a token's vector for its place; None where attention alone knows of places.

    Attributes:
        kind: `learned`, `sinusoidal`, or `none`.
        base: of `sinusoidal`: the slowest wavelength is about 2 pi * base tokens.
        offset: rows of a learned table before that of the first token (RoBERTa, OPT and BART: 2).
    """

    kind: Literal["learned", "sinusoidal", "none"] = "learned"
    base: float = 10000.0
    offset: int = 0


def sinusoidal_positions(positions: Int[Tensor, "B T"], width: int, base: float) -> Float[Tensor, "B T D"]:
    """sin and cos of position * frequency, interleaved; source: arXiv:1706.03762, section 3.5."""
    angles_BTF = positions[..., None].float() * frequencies(width, base, positions.device)
    return torch.stack([angles_BTF.sin(), angles_BTF.cos()], dim=-1).flatten(-2)
