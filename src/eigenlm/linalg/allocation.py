"""One budget over many matrices: which keeps which rank."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ConfigError, explain

Cost = Callable[[Tensor, int, int], Tensor]


@dataclass(frozen=True)
class Allocation:
    """Who keeps what.

    Attributes:
        ranks: the rank of each matrix, None for one left dense.
        loss: sum of the tails at these ranks.
        cost: numbers kept.
        budget: numbers that were allowed.
    """

    ranks: dict[str, int | None]
    loss: float
    cost: int
    budget: int


def product_cost(rank: Tensor, m: int, n: int) -> Tensor:
    """R (m + n): numbers in B (m, R) and A (R, n)."""
    return rank * (m + n)


def interpolative_cost(rank: Tensor, m: int, n: int) -> Tensor:
    """R (m + n - R): numbers when R rows of the product tell the others."""
    return rank * (m + n - rank)


def allocate(
    tails: Mapping[str, Float[Tensor, "..."]],
    shapes: Mapping[str, tuple[int, int]],
    keep: float,
    cost: Cost = interpolative_cost,
) -> Allocation:
    """Minimise the sum of tail_l(R_l) under sum of cost_l <= keep * sum of m n, with "dense" (no loss, m n) allowed.

    For a price lambda each matrix by itself takes the option of least tail + lambda * cost. The smallest price that
    meets the budget is found by bisection; no other choice of the cost it leads to is better (Everett 1963). What is
    left of the budget then goes, one matrix at a time, to the change that saves the most loss per number.

    Args:
        tails: for each matrix, losses at ranks 0 .. K, not negative.
        shapes: (m, n) of each matrix.
        keep: fraction of all numbers to keep, in (0, 1].
        cost: numbers of a rank; `interpolative_cost` or `product_cost`.

    Raises:
        ConfigError: `keep` outside (0, 1].
    """
    if not 0.0 < keep <= 1.0:
        raise ConfigError(explain("keep", expected="a fraction in (0, 1]", got=keep))
    names, rows = list(tails), torch.arange(len(tails))
    losses_LR, costs_LR = _options(tails, shapes, cost)
    dense = losses_LR.shape[1] - 1
    budget = int(keep * float(costs_LR[:, dense].sum()) + 1e-6)
    chosen_L = _at_the_right_price(losses_LR, costs_LR, budget)
    while True:
        more_LR = costs_LR - costs_LR[rows, chosen_L][:, None]
        saved_LR = losses_LR[rows, chosen_L][:, None] - losses_LR
        fits_LR = (more_LR <= budget - costs_LR[rows, chosen_L].sum()) & (saved_LR > 0)
        if not bool(fits_LR.any()):
            break
        worth = torch.where(fits_LR, saved_LR / more_LR.clamp_min(1.0), -torch.inf)
        row, option = divmod(int(worth.argmax()), dense + 1)
        chosen_L[row] = option
    ranks = {name: None if int(option) == dense else int(option) for name, option in zip(names, chosen_L)}
    return Allocation(ranks, float(losses_LR[rows, chosen_L].sum()), int(costs_LR[rows, chosen_L].sum()), budget)


def _options(tails: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, int]], cost: Cost) -> tuple[Tensor, Tensor]:
    """Loss and cost of every option: column R is rank R, the last is dense; ranks that save nothing lose everything."""
    width = max(len(tail) for tail in tails.values())
    losses = torch.full((len(tails), width + 1), torch.inf, dtype=torch.float64)
    costs = torch.full((len(tails), width + 1), torch.inf, dtype=torch.float64)
    for row, (name, tail) in enumerate(tails.items()):
        m, n = shapes[name]
        of_rank = cost(torch.arange(len(tail), dtype=torch.float64), m, n)
        losses[row, : len(tail)] = torch.where(of_rank < m * n, tail.double().cpu(), torch.inf)
        costs[row, : len(tail)] = of_rank
        losses[row, -1], costs[row, -1] = 0.0, m * n
    return losses, costs


def _at_the_right_price(losses_LR: Tensor, costs_LR: Tensor, budget: int) -> Tensor:
    """The options at the smallest price whose cost is within the budget."""
    rows = torch.arange(len(losses_LR))
    # A number saved counts for at least 1, so at a price above the greatest loss nothing is kept.
    low, high = 0.0, float(losses_LR[losses_LR.isfinite()].max()) + 1.0
    chosen = (losses_LR + high * costs_LR).argmin(dim=1)
    for _ in range(200):
        price = (low * high) ** 0.5 if low > 0 else high / 2**20
        options = (losses_LR + price * costs_LR).argmin(dim=1)
        if costs_LR[rows, options].sum() <= budget:
            high, chosen = price, options
        else:
            low = price
        if high - low <= 1e-12 * high:
            break
    return chosen
