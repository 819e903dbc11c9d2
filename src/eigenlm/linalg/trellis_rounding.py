"""Rounding a matrix on a trellis, where each number makes up for the errors left of it and above it."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import BFloat16, Bool, Float, Float32, Int32, Int64, UInt8
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.linalg.error_feedback import Feedback
from eigenlm.linalg.trellis import SCALE_TOP, Trellis
from eigenlm.machine.compiled import compiled

_ROOM = 1.25  # numbers grow by the errors that they make up for
_WORTH = 66  # 48 bits, at 2 ln 2 of its loss that a number saves by one bit more
_ROWS, _AHEAD = 32, 8  # rounded at once, and looked at beyond


@dataclass(frozen=True, kw_only=True)
class TrellisCodes:
    """Numbers step scale_g v(s) in groups of columns, and a few that are stored apart.

    Attributes:
        codes: (m, n); a sequence goes down each column.
        scales: (m, g) of the groups, from 0 to 15; the last group may be narrower.
        steps: (m) of the rows.
        places: (k) i n + j of the numbers stored apart.
        numbers: (k) these; their codes say nothing.
    """

    codes: UInt8[Tensor, "m n"]
    scales: UInt8[Tensor, "m g"]
    steps: BFloat16[Tensor, " m"]
    places: Int32[Tensor, " k"]
    numbers: BFloat16[Tensor, " k"]


def round_on_trellis(
    W: Float[Tensor, "m n"], inputs: Feedback, outputs: Feedback, trellis: Trellis, group: int
) -> TrellisCodes:
    """Make tr(G E C E^T) small for the error E of W, block by block.

    With C = R diag(d) R^T and G = S diag(g) S^T it is sum_ij g_i d_j |(S^T E R)_ij|^2, in which a number is best
    rounded from what it is and what errors left of it and above it leave to it. Within `_ROWS` rows of a column all are
    rounded at once, to the best path of the trellis, and make up for nothing above. Numbers whose own errors would
    count more than `_WORTH` others, as of inputs that are huge on a few tokens, are stored apart.

    Args:
        W: on the processor.
        inputs: of C, (n, n).
        outputs: of G, (m, m), or of its diagonal.
        trellis: of the codes.
        group: columns of one scale.

    Raises:
        DataError: numbers that are not finite.
    """
    if not bool(W.isfinite().all()):
        raise DataError(explain("rounding on a trellis", expected="finite numbers", got="NaN or infinity"))
    (m, n), unit = W.shape, 2.0 ** math.frexp(float(W.abs().amax()) if W.numel() else 1.0)[1]
    W = (W.double() / unit).float()
    levels = trellis.levels().reshape(1 << trellis.bits, -1)
    apart = _apart(W, inputs, outputs, trellis)
    exact = torch.where(apart, W.bfloat16().float(), torch.nan)
    steps, starts = _steps(W.where(~apart, 0.0), group), range(0, n, group)
    codes, errors = torch.zeros(m, n, dtype=torch.uint8), torch.zeros(m, n)
    scales = torch.zeros(m, len(starts), dtype=torch.uint8)
    for place, start in enumerate(starts):
        block = slice(start, start + group)
        target = W[:, block] + errors[:, :start] @ inputs.passed_on[:start, block]
        scales[:, place] = _scales(target, inputs.weights[block] * ~apart[:, block], steps)
        spread = steps.float() * scales[:, place]
        left, windows = torch.zeros_like(target), np.zeros(target.shape[1], np.int64)
        passed_on = inputs.passed_on[block, block].contiguous().numpy()
        for top in range(0, m, _ROWS):
            rows, seen = slice(top, top + _ROWS), slice(top, top + _ROWS + _AHEAD)
            above = outputs.passed_on[:top, seen].mT @ left[:top] if len(outputs.passed_on) else left[seen] * 0
            numbers = torch.stack([W[seen, block], target[seen], above, exact[seen, block]]).numpy()
            of_rows = spread[seen].numpy(), outputs.weights[seen].numpy()
            found = _tile(numbers, passed_on, *of_rows, levels, windows, _ROWS)
            for whole, part in zip((codes[rows, block], errors[rows, block], left[rows]), found):
                whole.copy_(torch.from_numpy(part)[:_ROWS])
    return TrellisCodes(
        codes=codes,
        scales=scales,
        steps=(steps.double() * unit).bfloat16(),
        places=apart.flatten().nonzero()[:, 0].to(torch.int32),
        numbers=(W[apart].double() * unit).bfloat16(),
    )


def _apart(W: Tensor, inputs: Feedback, outputs: Feedback, trellis: Trellis) -> Bool[Tensor, "m n"]:
    """By the error within the levels' reach, and beyond it."""
    spread = W.square().mean(1, keepdim=True).sqrt()
    beyond = (W.abs() - float(trellis.levels().max()) * spread).clamp_min(0.0)
    weights = outputs.weights[:, None].double() * inputs.weights
    loss = weights * (trellis.error * spread.square() + beyond.square())
    apart = torch.zeros_like(W, dtype=torch.bool)
    for _ in range(4):  # without the first, others stand out
        apart |= loss > _WORTH * loss.where(~apart, 0.0).mean()
    return apart


def _steps(W: Tensor, group: int) -> BFloat16[Tensor, " m"]:
    largest = torch.stack([part.square().mean(1) for part in W.split(group, 1)]).amax(0).sqrt()
    return (_ROOM * largest / SCALE_TOP).bfloat16()


def _scales(target: Tensor, weights: Tensor, steps: Tensor) -> UInt8[Tensor, " m"]:
    spread = ((target.square() * weights).sum(1) / weights.sum(1)).sqrt()
    return (spread / steps.float()).nan_to_num(0.0).round().clamp(0, SCALE_TOP).to(torch.uint8)


@compiled
def _tile(
    numbers: Float32[np.ndarray, "4 m size"],
    passed_on: Float32[np.ndarray, "size size"],
    spread: Float32[np.ndarray, " m"],
    weights: Float32[np.ndarray, " m"],
    levels: Float32[np.ndarray, "each states"],
    windows: Int64[np.ndarray, " size"],
    kept: int,
) -> tuple[UInt8[np.ndarray, "m size"], Float32[np.ndarray, "m size"], Float32[np.ndarray, "m size"]]:
    """Round a tile's columns in turn.

    Args:
        numbers: as they are, with what errors left of the tile leave to them, what those above it do, and what is
            stored apart, or NaN.
        passed_on: R of the tile's columns.
        spread: step and scale of each row.
        weights: g of each row.
        levels: v, by the oldest code of a window and the others.
        windows: above the tile; set to those of its last row that is kept.
        kept: rows, of which the rest are looked at and decided later.

    Returns:
        Codes, errors, and what is left of the errors for the rows below.
    """
    own, target, above, exact = numbers
    m, size = own.shape
    codes, errors, left = np.empty((m, size), np.uint8), np.empty((m, size), np.float32), target.copy()
    wanted, counts, places = np.empty(m, np.float32), np.empty(m, np.float32), np.empty(m, np.int64)
    each, states = levels.shape
    for j in range(size):
        for i in range(m):
            wanted[i] = (left[i, j] + above[i, j]) / spread[i] if spread[i] > 0 else np.float32(0)
            counts[i] = weights[i] * spread[i] * spread[i] if np.isnan(exact[i, j]) else np.float32(0)
        _path(wanted, counts, levels, windows[j], places)
        windows[j] = places[min(m, kept) - 1]
        for i in range(m):
            number = spread[i] * levels[places[i] // states, places[i] % states]
            number = number if np.isnan(exact[i, j]) else exact[i, j]
            codes[i, j] = places[i] % each
            left[i, j] -= number
            error = own[i, j] - number
            errors[i, j] = error
            for k in range(j + 1, size):
                left[i, k] += passed_on[j, k] * error
    return codes, errors, left


@compiled
def _path(
    x: Float32[np.ndarray, " m"],
    w: Float32[np.ndarray, " m"],
    levels: Float32[np.ndarray, "each states"],
    window: int,
    places: Int64[np.ndarray, " m"],
) -> None:
    """The windows s_i for which sum_i w_i (x_i - v(s_i))^2 is least (Viterbi 1967), in `places`.

    Args:
        x: numbers.
        w: their weights.
        levels: v, by the oldest code of a window and the others.
        window: before the first number.
        places: receives s_i.
    """
    m, (each, states) = len(x), levels.shape
    costs, grown = np.empty((m + 1, states), np.float32), np.empty(each * states, np.float32)
    costs[0, :] = np.inf
    costs[0, window % states] = 0
    for i in range(m):
        for state in range(states):
            for code in range(state * each, (state + 1) * each):
                grown[code] = costs[i, state]
        least = costs[i + 1]
        least[:] = np.inf
        for oldest in range(each):
            before, level = grown[oldest * states : (oldest + 1) * states], levels[oldest]
            for state in range(states):
                off = x[i] - level[state]
                least[state] = min(least[state], before[state] + w[i] * off * off)
    state = int(np.argmin(costs[m]))
    for i in range(m - 1, -1, -1):
        found = np.float32(np.inf)
        for oldest in range(each):
            off, place = x[i] - levels[oldest, state], oldest * states + state
            cost = costs[i, place // each] + w[i] * off * off
            if cost < found:
                found, places[i] = cost, place
        state = places[i] // each
