"""Rounding to whole numbers, in float32 throughout."""

import numpy as np
from jaxtyping import Float32

from eigenlm.machine.compiled import compiled_in_order

TINY = np.float32(1e-15)  # a group without a larger number is all zeros


@compiled_in_order
def nearest(x: np.float32, lowest: int, highest: int) -> int:
    """The whole number nearest to x from lowest to highest; of two equally near, the even one."""
    return min(max(int(np.rint(x)), lowest), highest)


@compiled_in_order
def farthest(x: Float32[np.ndarray, " n"]) -> np.float32:
    """The number of the largest magnitude, with its sign; the first of several."""
    largest, found = np.float32(0), np.float32(0)
    for number in x:
        if abs(number) > largest:
            largest, found = abs(number), number
    return found


@compiled_in_order
def weight_of(w: Float32[np.ndarray, " n"]) -> np.float32:
    """The sum of weights."""
    total = np.float32(0)
    for weight in w:
        total += weight
    return total
