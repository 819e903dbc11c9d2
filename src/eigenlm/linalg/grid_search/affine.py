"""x_i ~ s c_i - t with whole c_i from 0 on."""

import numpy as np
from jaxtyping import Float32, UInt8

from eigenlm.linalg.grid_search.nearest import nearest
from eigenlm.machine.compiled import compiled_in_order


@compiled_in_order
def affine(
    x: Float32[np.ndarray, " n"],
    w: Float32[np.ndarray, " n"],
    top: int,
    tries: tuple[np.float32, np.float32, int],
    absolute: bool,
    codes: UInt8[np.ndarray, " n"],
) -> tuple[np.float32, np.float32]:
    """The s and t >= 0 for which sum_i w_i (x_i - s c_i + t)^2 is least among some, with c_i from 0 to top.

    The first grid reaches from the least number, or 0, to the largest. Others, a little narrower or wider, from the
    best -t so far to the largest number are tried, each with the s and t of its codes' weighted regression.

    Args:
        x: n numbers.
        w: their weights, not negative.
        top: the largest code.
        tries: codes that the first of the others has beyond `top`, by how many that grows, and how often.
        absolute: grids are compared by sum_i w_i |x_i - s c_i + t| instead.
        codes: receives c_i.

    Returns:
        s and t.
    """
    low, high, total, wx = x[0], x[0], w[0], w[0] * x[0]
    for i in range(1, len(x)):
        low, high = min(low, x[i]), max(high, x[i])
        total += w[i]
        wx += w[i] * x[i]
    low = min(low, np.float32(0))
    if high <= low:
        codes[:] = 0
        return np.float32(0), -low
    inverse = np.float32(top) / (high - low)
    step = np.float32(1) / inverse
    for i in range(len(x)):
        codes[i] = nearest(inverse * (x[i] - low), 0, top)
    best = _error(x, w, codes, step, low, absolute)
    tried = np.empty_like(codes)
    first, more, last = tries
    for k in range(last + 1):
        inverse = (first + more * np.float32(k) + np.float32(top)) / (high - low)
        wc, wcc, wxc = np.float32(0), np.float32(0), np.float32(0)
        for i in range(len(x)):
            code = nearest(inverse * (x[i] - low), 0, top)
            tried[i], c = code, np.float32(code)
            wc += w[i] * c
            wcc += w[i] * c * c
            wxc += w[i] * c * x[i]
        determinant = total * wcc - wc * wc
        if determinant > 0:
            new_step = (total * wxc - wx * wc) / determinant
            new_low = (wcc * wx - wc * wxc) / determinant
            if new_low > 0:
                new_low, new_step = np.float32(0), wxc / wcc
            error = _error(x, w, tried, new_step, new_low, absolute)
            if error < best:
                codes[:] = tried
                best, step, low = error, new_step, new_low
    return step, -low


@compiled_in_order
def _error(
    x: Float32[np.ndarray, " n"],
    w: Float32[np.ndarray, " n"],
    codes: UInt8[np.ndarray, " n"],
    step: np.float32,
    low: np.float32,
    absolute: bool,
) -> np.float32:
    total = np.float32(0)
    for i in range(len(x)):
        off = step * np.float32(codes[i]) + low - x[i]
        total += w[i] * (abs(off) if absolute else off * off)
    return total
