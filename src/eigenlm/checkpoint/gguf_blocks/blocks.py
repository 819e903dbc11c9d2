"""What a block of a GGUF type holds, before its bits are packed."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Float32, Int16, UInt8

_DIGITS = (1 << 11) - 1  # of float16, the largest whole number of its spacing


class BlockGrid(Protocol):
    """A type of GGUF as a way to round."""

    @property
    def values(self) -> Float32[np.ndarray, " v"]:
        """What codes stand for, in order."""

    def fit(self, x: Float32[np.ndarray, "rows n"], importance: Float32[np.ndarray, " n"] | None) -> "RoundedBlocks":
        """Steps and codes of rows of whole blocks; the importance of their inputs may be known."""


@dataclass(frozen=True, kw_only=True)
class RoundedBlocks:
    """B blocks of n numbers in g groups; a number is step scale_g v - low min_g, where its code stands for v.

    Attributes:
        codes: (B, n), as they are stored, from 0 on.
        scales: (B, g) of the groups, whole numbers; 1 where a block has one step.
        mins: (B, g) likewise; none where codes lie around 0.
        step: (B) of the blocks, as the type stores it.
        low: (B); none where codes lie around 0.
        may_be: whole numbers that the type has room for as scales; none where a block has one step.
    """

    codes: UInt8[np.ndarray, "B n"]
    scales: Int16[np.ndarray, "B g"]
    step: Float[np.ndarray, " B"]
    mins: Int16[np.ndarray, "B g"] | None = None
    low: Float[np.ndarray, " B"] | None = None
    may_be: range = range(0)

    def ladder(self) -> tuple[Float32[np.ndarray, "B g"], Float32[np.ndarray, "B g"], int]:
        """Steps that may be stored: whole scales of a block's step, or, of a block of one step, numbers of float16."""
        one = self.step.astype(np.float32)[:, None] * np.ones(self.scales.shape, np.float32)
        if len(self.may_be) > 1:
            return one * np.float32(self.may_be[0]), one * np.float32(self.may_be.step), len(self.may_be) - 1
        if self.step.dtype != np.float16:
            return one, np.zeros_like(one), 0
        return np.zeros_like(one), np.spacing(self.step).astype(np.float32)[:, None], _DIGITS

    def climb(self, steps: Float32[np.ndarray, "B g"]) -> None:
        """Store other steps, each of those that `ladder` tells."""
        low, between, _ = self.ladder()
        if len(self.may_be) > 1:
            with np.errstate(divide="ignore", invalid="ignore"):
                places = np.nan_to_num(np.rint((steps - low) / between)).astype(np.int16)
            moved = (self.may_be[0] + self.may_be.step * places).astype(np.int16)
            self.scales[:] = np.where(between != 0, moved, self.scales)
        elif self.step.dtype == np.float16:
            self.step[:] = steps[:, 0]

    def steps(self) -> Float32[np.ndarray, "B g"]:
        """What a code more adds to a number."""
        return self.step.astype(np.float32)[:, None] * self.scales.astype(np.float32)

    def lows(self) -> Float32[np.ndarray, "B g"]:
        """What is taken from each number."""
        if self.low is None or self.mins is None:
            return np.zeros(self.scales.shape, np.float32)
        return self.low.astype(np.float32)[:, None] * self.mins.astype(np.float32)


def rounded(
    x: Float32[np.ndarray, "B n"],
    codes: UInt8[np.ndarray, "B n"],
    steps: Float32[np.ndarray, "B g"],
    lows: Float32[np.ndarray, "B g"] | np.float32,
    ends: tuple[int, int],
) -> UInt8[np.ndarray, "B n"]:
    """Codes for the steps that are stored, which are coarser than those that were found; where a step is 0, as given.

    Args:
        x: the numbers.
        codes: found before, from 0 on.
        steps: of each group.
        lows: what is taken from each number.
        ends: the least and the largest code, the least being stored as 0.
    """
    B, g = steps.shape
    groups = x.reshape(B, g, -1)
    least, largest = ends
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        whole = np.rint((groups + np.broadcast_to(lows, (B, g))[..., None]) / steps[..., None])
    stored = (np.clip(np.nan_to_num(whole), least, largest) - least).astype(np.uint8)
    return np.where(steps[..., None] != 0, stored, codes.reshape(B, g, -1)).reshape(B, -1)
