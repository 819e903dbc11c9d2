"""Four or eight numbers at a time: their magnitudes are a point of a list, and each has a sign of its own."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int16, Int64, UInt8

from eigenlm.linalg.grid_search.nearest import TINY
from eigenlm.machine.compiled import compiled

_TRIES, _APART = 9, 0.025  # steps to each side of that at which the largest number is the largest magnitude


@dataclass(frozen=True)
class Tuples:
    """The points that k codes may be. Codes stand for magnitudes of both signs, from the least value to the largest.

    Attributes:
        magnitudes: of a number, in order.
        points: (P, k) magnitudes, k 4 or 8, sorted by the first, those with the same by the second, and so on.
        at: by the levels of k magnitudes, l_0 + L l_1 + L^2 l_2 + ..., the place of their point in the type's list; -1
            where there is none.
        near: likewise, which of the sorted points is nearest to them.
        even: whether of each eight numbers an even count is negative.
    """

    magnitudes: Float32[np.ndarray, " L"]
    points: Float32[np.ndarray, "P k"]
    at: Int16[np.ndarray, " _"]
    near: Int16[np.ndarray, " _"]
    even: bool

    @classmethod
    def of(cls, points: Float32[np.ndarray, "P k"], *, even: bool) -> "Tuples":
        """From the points alone."""
        magnitudes = np.unique(points)
        L, k = len(magnitudes), points.shape[1]
        at = np.full(L**k, -1, np.int16)
        at[np.searchsorted(magnitudes, points) @ L ** np.arange(k)] = np.arange(len(points))
        points = points[np.lexsort([points[:, i] for i in reversed(range(k))])]
        every = magnitudes[np.stack([*reversed(np.indices((L,) * k).reshape(k, -1))], axis=-1)]
        apart = (points**2).sum(axis=1) - 2 * np.inner(every, points)
        return cls(magnitudes, points, at, apart.argmin(axis=1).astype(np.int16), even)

    @cached_property
    def levels(self) -> UInt8[np.ndarray, "P k"]:
        """Of the points, places among the magnitudes."""
        return np.searchsorted(self.magnitudes, self.points).astype(np.uint8)

    @cached_property
    def shared(self) -> Int64[np.ndarray, " P"]:
        """How many of its first numbers each point has in common with the one before."""
        same = self.points[1:] == self.points[:-1]
        return np.append(0, np.cumprod(same, axis=1).sum(axis=1)).astype(np.int64)

    @property
    def values(self) -> Float32[np.ndarray, " v"]:
        """What codes stand for, in order."""
        return np.concatenate([-self.magnitudes[::-1], self.magnitudes])


@compiled
def by_tuples(
    x: Float32[np.ndarray, " n"],
    w: Float32[np.ndarray, " n"],
    magnitudes: Float32[np.ndarray, " L"],
    points: Float32[np.ndarray, "P k"],
    near: Int16[np.ndarray, " _"],
) -> np.float32:
    """The step s for which sum_i w_i (|x_i| - s v_i)^2 is least among some, with v the points near k of |x| / s each.

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
    width, step, best = points.shape[1], np.float32(0), np.float32(-1)
    for k in range(-_TRIES, _TRIES + 1):
        inverse = magnitudes[-1] * np.float32(1 + _APART * k) / largest
        xv, vv = np.float32(0), np.float32(0)
        for start in range(0, len(x), width):
            point = points[near[place_of(x[start : start + width], magnitudes, inverse)]]
            for i in range(width):
                weighted = w[start + i] * point[i]
                xv += weighted * abs(x[start + i])
                vv += weighted * point[i]
        if vv > 0 and xv * xv > best * vv:
            step = xv / vv
            best = step * xv
    return step


@compiled
def place_of(x: Float32[np.ndarray, " k"], magnitudes: Float32[np.ndarray, " L"], inverse: np.float32) -> int:
    """l_0 + L l_1 + L^2 l_2 + ... of the levels nearest to |x| / s each.

    Args:
        x: k numbers.
        magnitudes: in order.
        inverse: 1 / s.
    """
    place, power = 0, 1
    for number in x:
        y, level = abs(number) * inverse, 0
        while level < len(magnitudes) - 1 and y > np.float32(0.5) * (magnitudes[level] + magnitudes[level + 1]):
            level += 1
        place += power * level
        power *= len(magnitudes)
    return place
