"""x_i ~ s c_i with numbers and whole c_i from 0 on, as the steps of a block's groups are."""

import numpy as np
from jaxtyping import Float32, UInt8

from eigenlm.linalg.grid_search.nearest import TINY, nearest
from eigenlm.machine.compiled import compiled_in_order

_TRIES = 4  # to each side, a tenth of a code apart
_TURNS = 5


@compiled_in_order
def positive(
    x: Float32[np.ndarray, " n"], w: Float32[np.ndarray, " n"], top: int, codes: UInt8[np.ndarray, " n"]
) -> np.float32:
    """The s for which sum_i w_i (x_i - s c_i)^2 is least among some, with c_i from 0 to top.

    The best of some grids is taken, and its codes are moved one by one where that makes the sum smaller.

    Args:
        x: n numbers, not negative.
        w: their weights, not negative.
        top: the largest code.
        codes: receives c_i.
    """
    highest = np.float32(0)
    for number in x:
        highest = max(highest, number)
    if highest < TINY:
        codes[:] = 0
        return np.float32(0)
    inverse = np.float32(top) / highest
    best = _error(x, w, top, inverse)
    for k in range(-_TRIES, _TRIES + 1):
        if k == 0:
            continue
        other = (np.float32(0.1) * np.float32(k) + np.float32(top)) / highest
        error = _error(x, w, top, other)
        if error < best:
            best, inverse = error, other
    xc, cc = np.float32(0), np.float32(0)
    for i in range(len(x)):
        codes[i] = nearest(inverse * x[i], 0, top)
        c = np.float32(codes[i])
        xc += w[i] * x[i] * c
        cc += w[i] * c * c
    return _by_turns(x, w, top, codes, xc, cc)


@compiled_in_order
def _error(x: Float32[np.ndarray, " n"], w: Float32[np.ndarray, " n"], top: int, inverse: np.float32) -> np.float32:
    step, total = np.float32(1) / inverse, np.float32(0)
    for i in range(len(x)):
        off = x[i] - step * np.float32(nearest(inverse * x[i], 0, top))
        total += w[i] * off * off
    return total


@compiled_in_order
def _by_turns(
    x: Float32[np.ndarray, " n"],
    w: Float32[np.ndarray, " n"],
    top: int,
    codes: UInt8[np.ndarray, " n"],
    xc: np.float32,
    cc: np.float32,
) -> np.float32:
    for _ in range(_TURNS):
        changed = False
        for i in range(len(x)):
            c = np.float32(codes[i])
            others_xc, others_cc = xc - w[i] * x[i] * c, cc - w[i] * c * c
            if not (others_xc > 0 and others_cc > 0):
                continue
            code = nearest(x[i] * others_cc / others_xc, 0, top)
            new = np.float32(code)
            if new != c:
                others_xc += w[i] * x[i] * new
                others_cc += w[i] * new * new
                if others_xc * others_xc * cc > xc * xc * others_cc:
                    codes[i], xc, cc, changed = code, others_xc, others_cc, True
        if not changed:
            break
    return xc / cc if cc > 0 else np.float32(0)
