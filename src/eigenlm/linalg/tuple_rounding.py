"""Rounding a matrix four numbers of a row at a time, where all make up for the errors before."""

import numpy as np
from jaxtyping import Float32, UInt8

from eigenlm.machine.compiled import compiled

Four = tuple[
    Float32[np.ndarray, " 4"], Float32[np.ndarray, " 4"], Float32[np.ndarray, "4 4"], Float32[np.ndarray, " 4"]
]
"""What is wanted of four numbers, the numbers, their part of R, and their weights."""


@compiled
def tuples_in_turn(
    numbers: tuple[Float32[np.ndarray, "m size"], ...],
    passed_on: tuple[Float32[np.ndarray, "size size"], Float32[np.ndarray, "_ _"]],
    weights: Float32[np.ndarray, " size"],
    steps: Float32[np.ndarray, "m g"],
    levels: UInt8[np.ndarray, "P 4"],
    magnitudes: Float32[np.ndarray, " L"],
    even: bool,
    codes: UInt8[np.ndarray, "m size"],
) -> None:
    """Set the codes of some rows as `error_feedback` does, each four to the point that loses least, with its signs.

    Args:
        numbers: as `error_feedback` has them: own, moved, left and errors.
        passed_on: R of these columns, and S of these rows.
        weights: d of these columns.
        steps: of groups.
        levels: of the points.
        magnitudes: that levels stand for.
        even: whether of each eight numbers an even count is negative.
        codes: to be set.
    """
    (own, moved, left, errors), (R, S), L = numbers, passed_on, len(magnitudes)
    m, size = own.shape
    group, scaled = size // steps.shape[1], np.empty(levels.shape, np.float32)
    target, signs, best_signs = np.empty(4, np.float32), np.empty(4, np.float32), np.empty(4, np.float32)
    for i in range(m):
        for h in range(min(i, len(S))):
            for j in range(size):
                left[i, j] += S[h, i] * left[h, j]
        negative = 0
        for start in range(0, size, 4):
            step, four = steps[i, start // group], slice(start, start + 4)
            if start % group == 0:
                for p in range(len(levels)):
                    for k in range(4):
                        scaled[p, k] = step * magnitudes[levels[p, k]]
            negative = negative if start % 8 else 0
            if step > 0:
                for k in range(4):
                    target[k] = moved[i, start + k] + left[i, start + k]
                given = target, own[i, four], R[four, four], weights[four]
                left_over = negative % 2 if even and start % 8 else -1
                point = _best(given, scaled, left_over, signs, best_signs)
                negative += (best_signs < 0).sum()
                for k in range(4):
                    level = levels[point, k]
                    codes[i, start + k] = L + level if best_signs[k] > 0 else L - 1 - level
            for j in range(start, start + 4):
                code = codes[i, j]
                value = magnitudes[code - L] if code >= L else -magnitudes[L - 1 - code]
                left[i, j], error = moved[i, j] - step * value, own[i, j] - step * value
                errors[i, j] = error
                for k in range(j + 1, size):
                    moved[i, k] += R[j, k] * error


@compiled
def _best(
    given: Four,
    scaled: Float32[np.ndarray, "P 4"],
    parity: int,
    signs: Float32[np.ndarray, " 4"],
    best_signs: Float32[np.ndarray, " 4"],
) -> int:
    """The point that costs least, where the number of its negative signs is even (0), odd (1) or any (-1).

    If the signs of a point do not agree, each one of them is turned.
    """
    best, point = np.float32(np.inf), 0
    for p in range(len(scaled)):
        for turned in range(-1, 4):  # none of the signs, then one of them
            cost = _cost(given, scaled[p], turned, best, signs)
            agrees = parity < 0 or (signs < 0).sum() % 2 == parity
            if cost < best and agrees:
                best, point = cost, p
                best_signs[:] = signs
            if turned < 0 and (agrees or cost >= best):
                break
    return point


@compiled
def _cost(
    given: Four,
    point: Float32[np.ndarray, " 4"],
    turned: int,
    most: np.float32,
    signs: Float32[np.ndarray, " 4"],
) -> np.float32:
    """What the magnitudes of a point cost, infinity as soon as it is `most`; number `turned` has the worse sign.

    Args:
        given: the numbers.
        point: magnitudes.
        turned: the place of one, or -1.
        most: as above.
        signs: receives those of the numbers.
    """
    target, own, R, weights = given
    cost, e0, e1, e2 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for k in range(4):
        wanted = target[k]
        if k > 0:
            wanted += R[0, k] * e0
        if k > 1:
            wanted += R[1, k] * e1
        if k > 2:
            wanted += R[2, k] * e2
        signs[k] = np.float32(-1) if (wanted < 0) != (k == turned) else np.float32(1)
        value = signs[k] * point[k]
        off = wanted - value
        cost += weights[k] * off * off
        if cost >= most:
            return np.float32(np.inf)
        error = own[k] - value
        e0, e1, e2 = error if k == 0 else e0, error if k == 1 else e1, error if k == 2 else e2
    return cost
