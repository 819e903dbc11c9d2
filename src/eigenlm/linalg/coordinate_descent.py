"""Rounded numbers, and the steps of their groups, moved one by one to where the whole matrix loses least."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, Int16, UInt8
from torch import Tensor

from eigenlm.linalg.error_feedback import Feedback, Rounded
from eigenlm.linalg.grid_search.tuples import Tuples
from eigenlm.machine.compiled import compiled

_LITTLE = 0.002  # of a step, which is not worth a change
_ROWS = 32  # moved one after another; how others pull at them is a product of matrices


def descend(
    W: Float[Tensor, "m n"],
    blocks: Sequence[Rounded],
    inputs: Feedback,
    outputs: Feedback,
    values: Float32[np.ndarray, " v"],
    sweeps: int = 3,
    tuples: Tuples | None = None,
) -> None:
    """Set codes anew, each to the value for which tr(G E C E^T) is least while all others stay (arXiv:2406.17542).

    For the error E of W, a change t of number (i, j) adds t^2 G_ii C_jj - 2 t (G E C)_ij; none is made that adds. Once
    the codes of a group are set so is its step, where the type has others.

    Args:
        W: what was rounded.
        blocks: its columns on their grids, from left to right; their codes and steps are set.
        inputs: of C.
        outputs: of G; of its diagonal alone where rows have nothing to do with each other.
        values: v, what codes stand for, in order.
        sweeps: over all numbers.
        tuples: which codes may stand together; any where none are given.
    """
    size = W.shape[1] // len(blocks)
    codes = np.concatenate([block.codes for block in blocks], axis=1)
    steps, lows = (np.concatenate(each, axis=1) for each in zip(*((block.steps(), block.lows()) for block in blocks)))
    firsts, between, last = zip(*(block.ladder() for block in blocks))
    ladders = np.concatenate(firsts, axis=1), np.concatenate(between, axis=1), last[0]
    errors = W - _numbers(codes, steps, lows, values)
    C, G = inputs.gram, outputs.gram if len(outputs.passed_on) else None
    alone, at = torch.eye(_ROWS), np.empty(0, np.int16) if tuples is None else tuples.at
    bound = at, 0 if tuples is None else tuples.points.shape[1], tuples is not None and tuples.even
    for _ in range(sweeps):
        seen = errors[:0] if G is None else errors @ C
        for top in range(0, len(W), _ROWS):
            rows = slice(top, top + _ROWS)
            pull = errors[rows] @ C if G is None else G[rows] @ seen
            grams = (alone if G is None else G[rows, rows].contiguous()).numpy(), C.numpy()
            grids = steps[rows], lows[rows], ladders[0][rows], ladders[1][rows], ladders[2]
            undone = _move(errors[rows].numpy(), pull.numpy(), grams, grids, values, bound, codes[rows])
            if G is not None:
                seen[rows] -= torch.from_numpy(undone)
    for block, start, moved in zip(blocks, range(0, W.shape[1], size), np.split(steps, len(blocks), axis=1)):
        block.codes[:] = codes[:, start : start + size]
        block.climb(moved)


def _numbers(codes: np.ndarray, steps: np.ndarray, lows: np.ndarray, values: np.ndarray) -> Tensor:
    """What codes of rows stand for."""
    groups = values[codes].reshape(*steps.shape, -1)
    groups *= steps[..., None]
    groups -= lows[..., None]
    return torch.from_numpy(groups.reshape(codes.shape))


@compiled
def _move(
    errors: Float32[np.ndarray, "m n"],
    pull: Float32[np.ndarray, "m n"],
    grams: tuple[Float32[np.ndarray, "_ _"], Float32[np.ndarray, "n n"]],
    grids: tuple[
        Float32[np.ndarray, "m g"],
        Float32[np.ndarray, "m g"],
        Float32[np.ndarray, "m g"],
        Float32[np.ndarray, "m g"],
        int,
    ],
    values: Float32[np.ndarray, " v"],
    bound: tuple[Int16[np.ndarray, " _"], int, bool],
    codes: UInt8[np.ndarray, "m n"],
) -> Float32[np.ndarray, "m n"]:
    """Set the codes and steps of some rows; those of a group whose step is 0 stay. Returns what E C became less.

    Args:
        errors: E.
        pull: G E C.
        grams: G of these rows, and C.
        grids: steps, to be set as well, lows, and the steps that there are: the first, what lies between, the last.
        values: what codes stand for.
        bound: by the levels of magnitudes, whether a point has them (`grid_search.tuples`); of how many; and whether
            signs are bound to each other, so that they stay.
        codes: to be set.
    """
    (G, C), (steps, lows, firsts, between, last), tuples = grams, grids, bound
    m, n = errors.shape
    group = n // steps.shape[1]
    undone = np.zeros_like(errors)
    for i in range(m):
        for h in range(i):
            for j in range(n):
                pull[i, j] -= G[i, h] * undone[h, j]
        for j in range(n):
            step, low, curvature = steps[i, j // group], lows[i, j // group], G[i, i] * C[j, j]
            if step == 0 or not curvature > 0:
                continue
            before = step * values[codes[i, j]] - low
            wanted = (before + pull[i, j] / curvature + low) / step
            code = _nearest(values, wanted, tuples, codes[i], j) if tuples[1] else _walked(values, wanted, codes[i, j])
            change = step * values[code] - low - before
            if change * (2 * pull[i, j] - change * curvature) > 0:
                codes[i, j] = code
                errors[i, j] -= change
                _told(undone[i], pull[i], change, G[i, i], C[j])
            if (j + 1) % group == 0 and between[i, j // group] != 0:
                ladder = firsts[i, j // group], between[i, j // group], last
                part = slice(j + 1 - group, j + 1)
                more = _other_step(values[codes[i, part]], pull[i], G[i, i], C[part], part.start, step, ladder)
                steps[i, j // group] += more
                for h in range(part.start, part.stop if more != 0 else part.start):
                    change = more * values[codes[i, h]]
                    errors[i, h] -= change
                    _told(undone[i], pull[i], change, G[i, i], C[h])
    return undone


@compiled
def _walked(values: Float32[np.ndarray, " v"], x: np.float32, code: int) -> int:
    """Where the value nearest to x stands, which is mostly where it was or beside it."""
    place = int(code)
    while place + 1 < len(values) and abs(values[place + 1] - x) <= abs(values[place] - x):
        place += 1
    while place > 0 and abs(values[place - 1] - x) < abs(values[place] - x):
        place -= 1
    return place


@compiled
def _told(
    undone: Float32[np.ndarray, " n"],
    pull: Float32[np.ndarray, " n"],
    change: np.float32,
    weight: np.float32,
    C: Float32[np.ndarray, " n"],
) -> None:
    """What a change of one number makes of its row of E C and of G E C."""
    for k in range(len(C)):
        undone[k] += change * C[k]
        pull[k] -= weight * change * C[k]


@compiled
def _other_step(
    v: Float32[np.ndarray, " group"],
    pull: Float32[np.ndarray, " n"],
    weight: np.float32,
    C: Float32[np.ndarray, "group n"],
    start: int,
    step: np.float32,
    ladder: tuple[np.float32, np.float32, int],
) -> np.float32:
    """What a group's step is best made more, to the nearest that there is; 0 where that gains next to nothing."""
    toward, curvature = np.float32(0), np.float32(0)
    for a in range(len(v)):
        toward += pull[start + a] * v[a]
        for b in range(len(v)):
            curvature += weight * v[a] * v[b] * C[a, start + b]
    if not curvature > 0:
        return np.float32(0)
    first, between, last = ladder
    place = np.rint((step + toward / curvature - first) / between)
    more = first + between * min(max(place, np.float32(0)), np.float32(last)) - step
    gain = more * (2 * toward - more * curvature)
    return more if gain > 0 and abs(more) > _LITTLE * abs(step) else np.float32(0)


@compiled
def _nearest(
    values: Float32[np.ndarray, " v"],
    wanted: np.float32,
    bound: tuple[Int16[np.ndarray, " _"], int, bool],
    codes: UInt8[np.ndarray, " n"],
    j: int,
) -> int:
    """The code of number j, beside the others that it is bound to, whose value is nearest to what is wanted."""
    at, width, signs_stay = bound
    L, first, place, power, own = len(values) // 2, j // width * width, 0, 1, 1
    for k in range(first, first + width):
        if k == j:
            own = power
        else:
            place += power * (codes[k] - L if codes[k] >= L else L - 1 - codes[k])
        power *= L
    best, nearest = np.float32(np.inf), int(codes[j])
    for code in range(2 * L):
        level = code - L if code >= L else L - 1 - code
        off = abs(values[code] - wanted)
        if off < best and at[place + own * level] >= 0 and not (signs_stay and (code >= L) != (codes[j] >= L)):
            best, nearest = off, code
    return nearest
