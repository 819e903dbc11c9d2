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
        interleaved: of `sinusoidal`: whether sines and cosines take turns, or cosines follow all sines (Marian).
        base: of `sinusoidal`: the slowest wavelength is about 2 pi * base tokens.
        offset: rows of a learned table before that of the first token (RoBERTa, OPT and BART: 2).
    """

    kind: Literal["learned", "sinusoidal", "none"] = "learned"
    base: float = 10000.0
    interleaved: bool = True
    offset: int = 0


def sinusoidal_positions(
    positions: Int[Tensor, "B T"], width: int, base: float, *, interleaved: bool = True
) -> Float[Tensor, "B T D"]:
    """sin and cos of position * frequency, by turns or one after the other; source: arXiv:1706.03762, section 3.5."""
    angles_BTF = positions[..., None].float() * frequencies(width, base, positions.device)
    waves = [angles_BTF.sin(), angles_BTF.cos()]
    return torch.stack(waves, dim=-1).flatten(-2) if interleaved else torch.cat(waves, dim=-1)
