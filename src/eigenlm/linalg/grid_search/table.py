"""x_i ~ s v(c_i), where v is a table of values in order."""

import numpy as np
from jaxtyping import Float32

from eigenlm.linalg.grid_search.nearest import TINY, farthest, nearest
from eigenlm.machine.compiled import compiled_in_order

_TRIES = 7  # values to each side of the table's first


@compiled_in_order
def by_table(
    x: Float32[np.ndarray, " n"], w: Float32[np.ndarray, " n"], values: Float32[np.ndarray, " v"]
) -> np.float32:
    """The s for which sum_i w_i (x_i - s v_i)^2 is least among some, with v_i from the table.

    The number of the largest magnitude goes to the table's first value, or to what lies up to 7 beside it; each try
    has its best s = sum w x v / sum w v^2.

    Args:
        x: n numbers.
        w: their weights, not negative.
        values: the table, from its least value on.
    """
    extreme = farthest(x)
    if abs(extreme) < TINY:
        return np.float32(0)
    step = -extreme / values[0]
    xv, vv = _products(x, w, values, np.float32(1) / step)
    step = xv / vv if vv > 0 else np.float32(0)
    best = step * xv
    for k in range(-_TRIES, _TRIES + 1):
        xv, vv = _products(x, w, values, (np.float32(k) + values[0]) / extreme)
        if vv > 0 and xv * xv > best * vv:
            step = xv / vv
            best = step * xv
    return step


@compiled_in_order
def place_in(values: Float32[np.ndarray, " v"], x: np.float32) -> int:
    """Where the value nearest to x stands; of two equally near, the higher."""
    if x <= values[0]:
        return 0
    if x >= values[-1]:
        return len(values) - 1
    above = 1
    while x >= values[above]:
        above += 1
    return above - 1 if x - values[above - 1] < values[above] - x else above


@compiled_in_order
def code_of(values: Float32[np.ndarray, " v"], x: np.float32) -> int:
    """Where the value nearest to x stands, found at once where values lie 1 apart."""
    if values[-1] - values[0] == len(values) - 1:
        return nearest(x - values[0], 0, len(values) - 1)
    return place_in(values, x)


@compiled_in_order
def _products(
    x: Float32[np.ndarray, " n"], w: Float32[np.ndarray, " n"], values: Float32[np.ndarray, " v"], inverse: np.float32
) -> tuple[np.float32, np.float32]:
    xv, vv = np.float32(0), np.float32(0)
    for i in range(len(x)):
        value = values[place_in(values, inverse * x[i])]
        xv += w[i] * value * x[i]
        vv += w[i] * value * value
    return xv, vv
