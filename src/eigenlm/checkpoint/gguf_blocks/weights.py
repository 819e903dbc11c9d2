"""How much an error in each number counts, as llama.cpp has it: its input's importance times about its magnitude."""

import numpy as np
from jaxtyping import Float32

from eigenlm.machine.compiled import compiled_in_order


@compiled_in_order
def important(
    x: Float32[np.ndarray, "rows n"], importance: Float32[np.ndarray, " n"], size: int, times: int
) -> Float32[np.ndarray, "rows n"]:
    """w = importance sqrt(times mean(x^2) + x^2), the mean over runs of `size` numbers of a row."""
    w = np.empty_like(x)
    for row in range(len(x)):
        for start in range(0, x.shape[1], size):
            mean = np.float32(times) * _squares(x[row, start : start + size]) / np.float32(size)
            for j in range(start, start + size):
                w[row, j] = importance[j] * np.sqrt(mean + x[row, j] * x[row, j])
    return w


@compiled_in_order
def of_magnitude(x: Float32[np.ndarray, "rows n"], size: int) -> Float32[np.ndarray, "rows n"]:
    """w = sqrt(mean(x^2)) + |x|, where nothing is known of the inputs."""
    w = np.empty_like(x)
    for row in range(len(x)):
        for start in range(0, x.shape[1], size):
            root = np.sqrt(_squares(x[row, start : start + size]) / np.float32(size))
            for j in range(start, start + size):
                w[row, j] = root + abs(x[row, j])
    return w


@compiled_in_order
def _squares(x: Float32[np.ndarray, " n"]) -> np.float32:
    total = np.float32(0)
    for number in x:
        total += number * number
    return total
