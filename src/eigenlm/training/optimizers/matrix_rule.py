"""What optimizers of matrices have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from eigenlm.errors import ShapeError, explain
from eigenlm.training.optimizers.costs import Shape, UpdateCosts

REFRESH, MAX_SIZE = 10, 2048  # what `PreconditionedRule` does if it is told nothing else
Parameters = Iterable[nn.Parameter] | Iterable[dict[str, Any]]


class MatrixRule(Optimizer, ABC):
    """An optimizer that takes matrices, (m, n) each, and nothing else; each is stepped by `_update`, on its own."""

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        """Take matrices, or groups of them.

        Raises:
            ShapeError: a parameter is no matrix.
        """
        super().__init__(params, defaults)
        for W in (W for group in self.param_groups for W in group["params"]):
            if W.ndim != 2:
                raise ShapeError(explain(type(self).__name__, expected="matrices (m, n)", got=tuple(W.shape)))

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> None:  # type: ignore[override]
        """One step, from the gradients that are there."""
        for group in self.param_groups:
            for W in group["params"]:
                if W.grad is not None:
                    self._update(W, W.grad, group)

    @abstractmethod
    def _update(self, W: Tensor, G: Tensor, group: dict[str, Any]) -> None:
        """One step of W by its gradient, each perhaps only this rank's part."""


class PreconditionedRule(MatrixRule):
    """A rule with Adam's moments and a factor for each side of a matrix."""

    def __init__(
        self,
        params: Parameters,
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        refresh: int = REFRESH,
        max_size: int = MAX_SIZE,
    ) -> None:
        """Take matrices, or groups of them.

        Args:
            params: the matrices.
            lr: learning rate, of Adam.
            betas: b1 and b2.
            eps: added to the root of the second moment.
            weight_decay: decoupled.
            refresh: steps from one renewal of what is made of the factors to the next.
            max_size: a side longer than this has no factor.

        Raises:
            ShapeError: a parameter is no matrix.
        """
        rates = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**rates, "refresh": refresh, "max_size": max_size})


def preconditioned_costs(shape: Shape, *, products: int, renewal: int) -> UpdateCosts:
    """Costs of a `PreconditionedRule`: Adam's averages, and two square matrices for each side that has a factor.

    Args:
        shape: of the matrix.
        products: of the matrix with a square one on either side, a step.
        renewal: operations to renew what is made of a factor, over its side cubed.
    """
    m, n = sorted(shape)
    sides = [side for side in shape if side <= MAX_SIZE]
    squares = 2 * sum(side * side for side in sides)
    return UpdateCosts(
        kept=2 * m * n + squares,
        moved=20 * m * n + 2 * squares,
        working=4 * m * n + 3 * n * n,
        flops=products * 2 * m * n * (m + n) + sum(renewal * side**3 / REFRESH for side in sides),
    )
