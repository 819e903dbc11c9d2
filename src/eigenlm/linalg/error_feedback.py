"""Rounding a matrix number by number, where each makes up for the errors left of it and above it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.linalg.grid_search.table import code_of
from eigenlm.linalg.grid_search.tuples import Tuples
from eigenlm.linalg.tuple_rounding import tuples_in_turn
from eigenlm.machine.compiled import compiled


@dataclass(frozen=True)
class Feedback:
    """A Gram as C = c R diag(d) R^T, by which tr(E C E^T) = c sum_k d_k |e_k + sum_(j<k) R_jk e_j|^2 for errors e_k.

    c is the mean of its diagonal: in float32 the search for steps multiplies weights by each other, and so they neither
    vanish nor overflow, whatever the unit of the inputs. A column is best rounded from w_k + sum_(j<k) R_jk e_j: what
    is left of the sum is then its own rounding alone.

    Attributes:
        weights: d (n), how much a column's own rounding counts.
        passed_on: R (n, n), upper triangular with ones on the diagonal: the share of each error that later ones undo;
            (0, 0) where none of it is.
    """

    weights: Float[Tensor, " n"]
    passed_on: Float[Tensor, "_ _"]

    @cached_property
    def gram(self) -> Float[Tensor, "n n"]:
        """C / c, of one that is more than its diagonal."""
        return self.passed_on * self.weights @ self.passed_on.mT


def feedback(gram: Float[Tensor, "n n"] | Float[Tensor, " n"], damping: float = 0.01) -> Feedback:
    """The factors of a Gram (LDLQ, arXiv:2307.13304; the order of columns is GPTQ's, arXiv:2210.17323).

    Args:
        gram: C, symmetric positive semi-definite, of any rank; or its diagonal, of one that has nothing else.
        damping: added to the diagonal, as a fraction of its mean; it keeps the factors of a singular Gram finite.

    Raises:
        DataError: C is not finite.

    >>> found = feedback(torch.tensor([[1.5, 0.5], [0.5, 0.5]]), damping=0.0)
    >>> found.weights.tolist(), found.passed_on.tolist()
    ([1.0, 0.5], [[1.0, 1.0], [0.0, 1.0]])
    """
    C = gram.double()
    mean = (C if C.ndim == 1 else C.diagonal()).mean() if len(C) else C.new_ones(())
    C, damping = C / torch.where(mean > 0, mean, 1.0), max(damping, 0.0)
    if C.ndim == 1:
        return Feedback((C + damping).float(), C.new_zeros(0, 0).float())
    C = C + damping * torch.eye(len(C), dtype=C.dtype, device=C.device)
    C.diagonal().clamp_(min=torch.finfo(C.dtype).eps)
    L = _cholesky(C.flip(0, 1)).flip(0, 1)
    root = L.diagonal()
    return Feedback(root.square().float(), (L / root).float())


def _cholesky(C: Tensor) -> Tensor:
    """The lower factor; a Gram that rounding made indefinite is damped until it has one."""
    unit = C.diagonal().amax() * torch.eye(len(C), dtype=C.dtype, device=C.device)
    for more in (0.0, *(10.0**power for power in range(-15, 1))):
        L, failed = torch.linalg.cholesky_ex(C + more * unit if more else C)
        if not failed:
            return L
    raise DataError(explain("error feedback", expected="a finite Gram, positive semi-definite", got="another"))


@runtime_checkable
class Rounded(Protocol):
    """Numbers of some columns on a grid: step v(c) - low in each group of a row, for a code c."""

    @property
    def codes(self) -> UInt8[np.ndarray, "m size"]:
        """From 0 on."""

    def steps(self) -> Float32[np.ndarray, "m g"]:
        """Of each group."""

    def lows(self) -> Float32[np.ndarray, "m g"]:
        """Likewise."""

    def ladder(self) -> tuple[Float32[np.ndarray, "m g"], Float32[np.ndarray, "m g"], int]:
        """a, b and n: steps that can be stored are a + k b with whole k from 0 to n; where b is 0 a step stays."""

    def climb(self, steps: Float32[np.ndarray, "m g"]) -> None:
        """Store other steps, each of those that `ladder` tells."""


Grid = TypeVar("Grid", bound=Rounded)
_ROWS = 32  # rounded one after another; what those above leave to them is a product of matrices


def round_in_turn(
    W: Float[Tensor, "m n"],
    inputs: Feedback,
    outputs: Feedback,
    size: int,
    values: Float32[np.ndarray, " v"],
    fit: Callable[[Float32[np.ndarray, "m size"], Float32[np.ndarray, " size"]], Grid],
    tuples: Tuples | None = None,
) -> Iterator[Grid]:
    """Round blocks of columns one after another, each number from what errors left of it and above it leave to it.

    With C = R diag(d) R^T and G = S diag(g) S^T, tr(G E C E^T) = sum_ij g_i d_j |(S^T E R)_ij|^2 for errors E.

    Args:
        W: (m, n), n a multiple of `size`.
        inputs: of the Gram of its inputs, C.
        outputs: of the Gram of its outputs' gradients, G; of a diagonal where rows make up for nothing.
        size: columns in a block.
        values: v, what codes stand for, in order.
        fit: makes a grid for a block's targets and the weights of its columns; its codes are set anew.
        tuples: which codes may stand together, so that numbers are rounded some at a time; any by default.

    Yields:
        The grid of each block.
    """
    errors, S = torch.zeros_like(W), outputs.passed_on
    for start in range(0, W.shape[1], size):
        block = slice(start, start + size)
        target = W[:, block] + errors[:, :start] @ inputs.passed_on[:start, block]
        grid = fit(target.numpy(), inputs.weights[block].numpy())
        own, moved = (part.contiguous().numpy() for part in (W[:, block], target))
        R, steps, lows = inputs.passed_on[block, block].contiguous().numpy(), grid.steps(), grid.lows()
        found, left = np.empty_like(own), torch.zeros_like(target)
        for top in range(0, len(W), _ROWS):
            rows = slice(top, top + _ROWS)
            if len(S):
                left[rows] = S[:top, rows].mT @ left[:top]
            numbers = own[rows], moved[rows], left[rows].numpy(), found[rows]
            passed_on = R, S[rows, rows].contiguous().numpy()
            if tuples is None:
                _in_turn(numbers, passed_on, (steps[rows], lows[rows]), values, grid.codes[rows])
            else:
                points = tuples.levels, tuples.shared, tuples.magnitudes, tuples.near
                weights = inputs.weights[block].numpy()
                tuples_in_turn(numbers, passed_on, weights, steps[rows], points, tuples.even, grid.codes[rows])
        errors[:, block] = torch.from_numpy(found)
        yield grid


@compiled
def _in_turn(
    numbers: tuple[Float32[np.ndarray, "m size"], ...],
    passed_on: tuple[Float32[np.ndarray, "size size"], Float32[np.ndarray, "_ _"]],
    grids: tuple[Float32[np.ndarray, "m g"], Float32[np.ndarray, "m g"]],
    values: Float32[np.ndarray, " v"],
    codes: UInt8[np.ndarray, "m size"],
) -> None:
    """Set the codes of some rows, row by row; those of a group whose step is 0 stay.

    Args:
        numbers: as they are; with what errors left of them leave to them; what errors above these rows do, which
            becomes what is left for the rows below; and errors, to be filled in.
        passed_on: R of these columns, and S of these rows.
        grids: steps and lows.
        values: what codes stand for.
        codes: to be set.
    """
    (own, moved, left, errors), (R, S), (steps, lows) = numbers, passed_on, grids
    m, size = own.shape
    group = size // steps.shape[1]
    for i in range(m):
        for h in range(min(i, len(S))):
            for j in range(size):
                left[i, j] += S[h, i] * left[h, j]
        for j in range(size):
            step, low = steps[i, j // group], lows[i, j // group]
            if step != 0:
                codes[i, j] = code_of(values, (moved[i, j] + left[i, j] + low) / step)
            rounded = step * values[codes[i, j]] - low
            left[i, j], error = moved[i, j] - rounded, own[i, j] - rounded
            errors[i, j] = error
            for k in range(j + 1, size):
                moved[i, k] += R[j, k] * error
