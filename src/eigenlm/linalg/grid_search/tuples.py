"""Four numbers at a time: their magnitudes are a point of a list, and each has a sign of its own."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int16, UInt8

from eigenlm.linalg.grid_search.nearest import TINY
from eigenlm.machine.compiled import compiled

FOUR = 4
_TRIES, _APART = 9, 0.025  # steps to each side of that at which the largest number is the largest magnitude


@dataclass(frozen=True)
class Tuples:
    """The points that four codes may be. Codes stand for magnitudes of both signs, from the least value to the largest.

    Attributes:
        magnitudes: of a number, in order.
        points: (P, 4) magnitudes.
        at: by the four levels of magnitudes, l_0 + L l_1 + L^2 l_2 + L^3 l_3, which point has them; -1 where none has.
        near: likewise, which point is nearest to them.
        even: whether of each eight numbers an even count is negative.
    """

    magnitudes: Float32[np.ndarray, " L"]
    points: Float32[np.ndarray, "P 4"]
    at: Int16[np.ndarray, " L4"]
    near: Int16[np.ndarray, " L4"]
    even: bool

    @classmethod
    def of(cls, points: Float32[np.ndarray, "P 4"], *, even: bool) -> "Tuples":
        """From the points alone."""
        magnitudes = np.unique(points)
        L = len(magnitudes)
        levels = np.searchsorted(magnitudes, points)
        at = np.full(L**FOUR, -1, np.int16)
        at[levels @ L ** np.arange(FOUR)] = np.arange(len(points))
        every = magnitudes[np.stack([*reversed(np.indices((L,) * FOUR).reshape(FOUR, -1))], axis=-1)]
        near = ((every[:, None] - points) ** 2).sum(axis=-1).argmin(axis=1).astype(np.int16)
        return cls(magnitudes, points, at, near, even)

    @cached_property
    def levels(self) -> UInt8[np.ndarray, "P 4"]:
        """Of the points, places among the magnitudes."""
        return np.searchsorted(self.magnitudes, self.points).astype(np.uint8)

    @property
    def values(self) -> Float32[np.ndarray, " v"]:
        """What codes stand for, in order."""
        return np.concatenate([-self.magnitudes[::-1], self.magnitudes])


@compiled
def by_tuples(
    x: Float32[np.ndarray, " n"],
    w: Float32[np.ndarray, " n"],
    magnitudes: Float32[np.ndarray, " L"],
    points: Float32[np.ndarray, "P 4"],
    near: Int16[np.ndarray, " L4"],
) -> np.float32:
    """The step s for which sum_i w_i (|x_i| - s v_i)^2 is least among some, with v the point near each four of |x| / s.

    Args:
        x: n numbers.
        w: their weights, not negative.
        magnitudes: in order.
        points: as of `Tuples`.
        near: likewise.
    """
    largest = np.float32(0)
    for number in x:
        largest = max(largest, abs(number))
    if largest < TINY:
        return np.float32(0)
    L, step, best = len(magnitudes), np.float32(0), np.float32(-1)
    for k in range(-_TRIES, _TRIES + 1):
        inverse = magnitudes[-1] * np.float32(1 + _APART * k) / largest
        xv, vv = np.float32(0), np.float32(0)
        for start in range(0, len(x), 4):
            place, power = 0, 1
            for i in range(4):
                y, level = abs(x[start + i]) * inverse, 0
                while level < L - 1 and y > np.float32(0.5) * (magnitudes[level] + magnitudes[level + 1]):
                    level += 1
                place += power * level
                power *= L
            point = points[near[place]]
            for i in range(4):
                weighted = w[start + i] * point[i]
                xv += weighted * abs(x[start + i])
                vv += weighted * point[i]
        if vv > 0 and xv * xv > best * vv:
            step = xv / vv
            best = step * xv
    return step
