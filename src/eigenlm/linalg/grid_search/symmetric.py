"""x_i ~ s c_i with whole c_i around 0."""

import numpy as np
from jaxtyping import Float32, UInt8

from eigenlm.linalg.grid_search.nearest import TINY, farthest, nearest
from eigenlm.machine.compiled import compiled_in_order

_TRIES = 9  # to each side, a tenth of a step apart
_TURNS = 5


@compiled_in_order
def symmetric(
    x: Float32[np.ndarray, " n"], w: Float32[np.ndarray, " n"], reach: int, codes: UInt8[np.ndarray, " n"]
) -> np.float32:
    """The s for which sum_i w_i (x_i - s c_i)^2 is least among some, with c_i from -reach to reach - 1.

    The number of the largest magnitude goes to the end of the grid that reaches farther; other grids near that one are
    tried, each with its best s = sum w x c / sum w c^2.

    Args:
        x: n numbers.
        w: their weights, not negative.
        reach: codes to the lower side of 0.
        codes: receives c_i + reach; of a group of zeros, 0.

    Returns:
        s, of any sign; 0 for a group of zeros.
    """
    extreme, xc, cc = _to_the_farthest(x, w, reach, codes)
    if extreme == 0:
        return np.float32(0)
    step = xc / cc if cc else np.float32(0)
    best = step * xc
    for k in range(-_TRIES, _TRIES + 1):
        if k == 0:
            continue
        inverse = -(np.float32(reach) + np.float32(0.1) * np.float32(k)) / extreme
        xc, cc = _products(x, w, reach, inverse)
        if cc > 0 and xc * xc > best * cc:
            _write(x, reach, inverse, codes)
            step = xc / cc
            best = step * xc
    return step


@compiled_in_order
def symmetric_by_turns(
    x: Float32[np.ndarray, " n"], w: Float32[np.ndarray, " n"], reach: int, codes: UInt8[np.ndarray, " n"]
) -> np.float32:
    """The same, from the first grid alone, whose codes are then moved one by one where that makes the sum smaller."""
    extreme, xc, cc = _to_the_farthest(x, w, reach, codes)
    if extreme == 0:
        return np.float32(0)
    for _ in range(_TURNS):
        changed = False
        for i in range(len(x)):
            c = np.float32(codes[i]) - np.float32(reach)
            others_xc = xc - w[i] * x[i] * c
            if others_xc <= 0:
                continue
            others_cc = cc - w[i] * c * c
            code = nearest(x[i] * others_cc / others_xc, -reach, reach - 1)
            new = np.float32(code)
            if new != c:
                others_xc += w[i] * x[i] * new
                others_cc += w[i] * new * new
                if others_cc > 0 and others_xc * others_xc * cc > xc * xc * others_cc:
                    codes[i], xc, cc, changed = code + reach, others_xc, others_cc, True
        if not changed:
            break
    return xc / cc if cc > 0 else np.float32(0)


@compiled_in_order
def _to_the_farthest(
    x: Float32[np.ndarray, " n"], w: Float32[np.ndarray, " n"], reach: int, codes: UInt8[np.ndarray, " n"]
) -> tuple[np.float32, np.float32, np.float32]:
    """The first grid's codes, the number that it reaches to, 0 in a group of zeros, and its two sums."""
    extreme = farthest(x)
    if abs(extreme) < TINY:
        codes[:] = 0
        return np.float32(0), np.float32(0), np.float32(0)
    inverse = np.float32(-reach) / extreme
    xc, cc = _products(x, w, reach, inverse)
    _write(x, reach, inverse, codes)
    return extreme, xc, cc


@compiled_in_order
def _products(
    x: Float32[np.ndarray, " n"], w: Float32[np.ndarray, " n"], reach: int, inverse: np.float32
) -> tuple[np.float32, np.float32]:
    xc, cc = np.float32(0), np.float32(0)
    for i in range(len(x)):
        c = np.float32(nearest(inverse * x[i], -reach, reach - 1))
        xc += w[i] * x[i] * c
        cc += w[i] * c * c
    return xc, cc


@compiled_in_order
def _write(x: Float32[np.ndarray, " n"], reach: int, inverse: np.float32, codes: UInt8[np.ndarray, " n"]) -> None:
    for i in range(len(x)):
        codes[i] = nearest(inverse * x[i], -reach, reach - 1) + reach
