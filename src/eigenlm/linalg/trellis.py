"""Codes of few bits, each standing for a level that the codes before it decide, too."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int16, UInt8
from torch import Tensor

SCALE_TOP = 15
"""The largest scale of a group of columns, 4 bits."""


@dataclass(frozen=True, kw_only=True)
class Trellis:
    """Level v(s_t) of the window s_t = c_t + 2^bits c_(t-1) + 4^bits c_(t-2) + ... of the last codes of a sequence.

    A sequence is free to take any of 2^(bits memory) levels, though a code has few bits; which, the best path decides.
    For normal numbers the mean square error is .078, .0205 and .0055 at 2, 3 and 4 bits, where the best levels without
    memory leave .118, .0345 and .0095, and no code leaves less than 4^-bits. Levels are quantiles of a normal
    distribution, in the order of the permutation a s + b s^2 mod 2^(bits memory), which sets apart those whose windows
    are alike; with a memory of 1 they are equal steps from -1 to 1.

    Sources: Marcellin and Fischer 1990 (the trellis), arXiv:2406.11235 (windows of the last codes), Sun and Takeshita
    2005 (the permutation).

    Attributes:
        bits: of a code.
        memory: codes that a level depends on.
        order: a, odd, and b, even.
        spread: standard deviation of the normal distribution, for numbers whose own is 1.
        error: the mean square error of these.
    """

    bits: int
    memory: int
    order: tuple[int, int] = (1, 0)
    spread: float = 1.0
    error: float = 0.0

    def levels(self) -> Float32[np.ndarray, " v"]:
        """v, by windows."""
        number = 1 << self.bits * self.memory
        if self.memory == 1:
            return np.linspace(-1, 1, number, dtype=np.float32)
        a, b = self.order
        s = np.arange(number)
        shares = torch.from_numpy(((a * s + b * s * s) % number + 0.5) / number)
        return (self.spread * torch.special.ndtri(shares)).float().numpy()

    def windows(self, codes: UInt8[Tensor, "m n"]) -> Int16[Tensor, "m n"]:
        """s, where a sequence goes down a column; above it all codes are 0."""
        c = codes.to(torch.int16)
        s = c.clone()
        for before in range(1, min(self.memory, len(codes))):
            s[before:].add_(c[:-before], alpha=1 << before * self.bits)
        return s


TRELLISES = {
    2: Trellis(bits=2, memory=4, order=(47, 224), spread=1.05, error=0.078),
    3: Trellis(bits=3, memory=3, order=(307, 204), spread=1.15, error=0.0205),
    4: Trellis(bits=4, memory=2, order=(207, 160), spread=1.2, error=0.0055),
    8: Trellis(bits=8, memory=1),
}
"""By the bits of a code; a and b are the best of 60 that were drawn."""
