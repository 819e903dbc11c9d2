"""Rounding a matrix column by column, where each column makes up for the errors of those before."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.linalg.grid_search.nearest import nearest
from eigenlm.linalg.grid_search.table import place_in
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


class Rounded(Protocol):
    """Numbers of some columns on a grid: step v(c) - low in each group of a row, for a code c."""

    @property
    def codes(self) -> UInt8[np.ndarray, "m size"]:
        """From 0 on."""

    def steps(self) -> Float32[np.ndarray, "m g"]:
        """Of each group."""

    def lows(self) -> Float32[np.ndarray, "m g"]:
        """Likewise."""


Grid = TypeVar("Grid", bound=Rounded)


def round_in_turn(
    W: Float[Tensor, "m n"],
    given: Feedback,
    size: int,
    values: Float32[np.ndarray, " v"],
    fit: Callable[[Float32[np.ndarray, "m size"], Float32[np.ndarray, " size"]], Grid],
) -> Iterator[Grid]:
    """Round blocks of columns one after another, each from what the errors before have made of it.

    Args:
        W: (m, n), n a multiple of `size`.
        given: of the Gram of its inputs.
        size: columns in a block.
        values: v, what codes stand for, in order.
        fit: makes a grid for a block's targets and the weights of its columns; its codes are set anew.

    Yields:
        The grid of each block.
    """
    errors = torch.zeros_like(W)
    for start in range(0, W.shape[1], size):
        block = slice(start, start + size)
        target = W[:, block] + errors[:, :start] @ given.passed_on[:start, block]
        grid = fit(target.numpy(), given.weights[block].numpy())
        own, passed_on = (part.contiguous().numpy() for part in (W[:, block], given.passed_on[block, block]))
        left = _in_turn(own, target.numpy(), passed_on, (grid.steps(), grid.lows()), values, grid.codes)
        errors[:, block] = torch.from_numpy(left)
        yield grid


@compiled
def _in_turn(
    own: Float32[np.ndarray, "m size"],
    target: Float32[np.ndarray, "m size"],
    passed_on: Float32[np.ndarray, "size size"],
    steps_and_lows: tuple[Float32[np.ndarray, "m g"], Float32[np.ndarray, "m g"]],
    values: Float32[np.ndarray, " v"],
    codes: UInt8[np.ndarray, "m size"],
) -> Float32[np.ndarray, "m size"]:
    """Set the codes column by column; those of a group whose step is 0 stay. Returns the errors."""
    (m, size), (steps, lows) = own.shape, steps_and_lows
    group, top = size // steps.shape[1], len(values) - 1
    uniform = values[-1] - values[0] == top
    errors, moved = np.empty((m, size), np.float32), np.empty(size, np.float32)
    for row in range(m):
        moved[:] = target[row]
        for j in range(size):
            step, low = steps[row, j // group], lows[row, j // group]
            if step != 0:
                wanted = (moved[j] + low) / step
                codes[row, j] = nearest(wanted - values[0], 0, top) if uniform else place_in(values, wanted)
            error = own[row, j] - (step * values[codes[row, j]] - low)
            errors[row, j] = error
            for k in range(j + 1, size):
                moved[k] += passed_on[j, k] * error
    return errors
