"""Rounding a matrix some numbers of a row at a time, where all make up for the errors before."""

import numpy as np
from jaxtyping import Float32, Int16, Int64, UInt8

from eigenlm.linalg.grid_search.tuples import place_of
from eigenlm.machine.compiled import compiled

Some = tuple[
    Float32[np.ndarray, " k"], Float32[np.ndarray, " k"], Float32[np.ndarray, "k k"], Float32[np.ndarray, " k"]
]
"""What is wanted of some numbers, the numbers, their part of R, and their weights."""


@compiled
def tuples_in_turn(
    numbers: tuple[Float32[np.ndarray, "m size"], ...],
    passed_on: tuple[Float32[np.ndarray, "size size"], Float32[np.ndarray, "_ _"]],
    weights: Float32[np.ndarray, " size"],
    steps: Float32[np.ndarray, "m g"],
    points: tuple[
        UInt8[np.ndarray, "P k"], Int64[np.ndarray, " P"], Float32[np.ndarray, " L"], Int16[np.ndarray, " _"]
    ],
    even: bool,
    codes: UInt8[np.ndarray, "m size"],
) -> None:
    """Set the codes of some rows as `error_feedback` does, each few to the point that loses least, with its signs.

    Args:
        numbers: as `error_feedback` has them: own, moved, left and errors.
        passed_on: R of these columns, and S of these rows.
        weights: d of these columns.
        steps: of groups.
        points: their levels, what they share, the magnitudes that levels stand for, and which point is near
            (`grid_search.tuples`).
        even: whether of each eight numbers an even count is negative.
        codes: to be set.
    """
    (own, moved, left, errors), (R, S), (levels, shared, magnitudes, near) = numbers, passed_on, points
    L = len(magnitudes)
    m, size = own.shape
    group, width, scaled = size // steps.shape[1], levels.shape[1], np.empty(levels.shape, np.float32)
    target, chosen = np.empty(width, np.float32), np.empty(width, np.float32)
    for i in range(m):
        for h in range(min(i, len(S))):
            for j in range(size):
                left[i, j] += S[h, i] * left[h, j]
        negative = 0
        for start in range(0, size, width):
            step, few = steps[i, start // group], slice(start, start + width)
            if start % group == 0:
                for p in range(len(levels)):
                    for k in range(width):
                        scaled[p, k] = step * magnitudes[levels[p, k]]
            negative = negative if start % 8 else 0
            if step > 0:
                for k in range(width):
                    target[k] = moved[i, start + k] + left[i, start + k]
                given = target, own[i, few], R[few, few], weights[few]
                left_over = negative % 2 if even and (start + width) % 8 == 0 else -1
                first = near[place_of(target, magnitudes, np.float32(1) / step)]
                point = _best(given, scaled, shared, first, left_over, chosen)
                negative += _negative(chosen)
                for k in range(width):
                    level = levels[point, k]
                    codes[i, start + k] = L + level if chosen[k] > 0 else L - 1 - level
            for j in range(start, start + width):
                code = codes[i, j]
                value = magnitudes[code - L] if code >= L else -magnitudes[L - 1 - code]
                left[i, j], error = moved[i, j] - step * value, own[i, j] - step * value
                errors[i, j] = error
                for k in range(j + 1, size):
                    moved[i, k] += R[j, k] * error


@compiled
def _best(
    given: Some,
    scaled: Float32[np.ndarray, "P k"],
    shared: Int64[np.ndarray, " P"],
    first: int,
    parity: int,
    chosen: Float32[np.ndarray, " k"],
) -> int:
    """The point that costs least, where the number of its negative signs is even (0), odd (1) or any (-1).

    If the signs of a point do not agree, each one of them is turned. The signs of the best are chosen. Points come in
    order: what their first numbers cost is known from the one before, and where that is too much already they are
    passed over.

    Args:
        given: the numbers.
        scaled: magnitudes of the points.
        shared: how many of its first numbers each has in common with the one before.
        first: a point that is likely, which is tried before.
        parity: as above.
        chosen: receives the signs.
    """
    width = scaled.shape[1]
    signs, errors, costs = np.empty(width, np.float32), np.empty(width, np.float32), np.zeros(width + 1, np.float32)
    best, point = _turned(given, scaled[first], parity, np.float32(np.inf), chosen), first
    too_dear = width + 1  # how many of the first numbers of a point are, one more if all are not
    for p in range(len(scaled)):
        if shared[p] >= too_dear:
            continue
        too_dear = width + 1
        for k in range(min(shared[p], width), width):
            costs[k + 1] = costs[k] + _cost(given, k, scaled[p, k], False, signs, errors)
            if costs[k + 1] >= best:
                too_dear = k + 1
                break
        if too_dear > width and (parity < 0 or _negative(signs) % 2 == parity):
            best, point = costs[width], p
            chosen[:] = signs
        elif too_dear > width:
            cost = _turned(given, scaled[p], parity, best, chosen)
            best, point = (cost, p) if cost < best else (best, point)
    return point


@compiled
def _turned(
    given: Some, magnitudes: Float32[np.ndarray, " k"], parity: int, most: np.float32, chosen: Float32[np.ndarray, " k"]
) -> np.float32:
    """What a point costs whose signs are made to agree, which are chosen where that is less than `most`."""
    width = len(magnitudes)
    signs, errors = np.empty(width, np.float32), np.empty(width, np.float32)
    for turned in range(-1, width):  # none of the signs, then one of them
        cost = np.float32(0)
        for k in range(width):
            cost += _cost(given, k, magnitudes[k], k == turned, signs, errors)
        agrees = parity < 0 or _negative(signs) % 2 == parity
        if agrees and cost < most:
            most = cost
            chosen[:] = signs
        if agrees and turned < 0:
            break
    return most


@compiled
def _cost(
    given: Some,
    k: int,
    magnitude: np.float32,
    turned: bool,
    signs: Float32[np.ndarray, " k"],
    errors: Float32[np.ndarray, " k"],
) -> np.float32:
    """What a magnitude costs, with the better or the worse sign, after the errors of the numbers before.

    Args:
        given: the numbers.
        k: which of them.
        magnitude: that it gets.
        turned: whether it has the worse sign.
        signs: receives its own.
        errors: of those before; receives its own.
    """
    target, own, R, weights = given
    wanted = target[k]
    for h in range(k):
        wanted += R[h, k] * errors[h]
    signs[k] = np.float32(-1) if (wanted < 0) != turned else np.float32(1)
    value = signs[k] * magnitude
    errors[k] = own[k] - value
    return weights[k] * (wanted - value) * (wanted - value)


@compiled
def _negative(signs: Float32[np.ndarray, " k"]) -> int:
    count = 0
    for sign in signs:
        count += sign < 0
    return count
