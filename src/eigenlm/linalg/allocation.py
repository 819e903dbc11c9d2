"""One budget over many matrices: which keeps which rank."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.allowed import check

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


@dataclass(frozen=True)
class Choice:
    """One option of each table.

    Attributes:
        options: its place in each table.
        loss: sum of the losses.
        cost: sum of the costs; above the budget only where no choice is within it.
        budget: what was allowed.
    """

    options: dict[str, int]
    loss: float
    cost: int
    budget: int


def choose(tables: Mapping[str, tuple[Float[Tensor, " n"], Float[Tensor, " n"]]], budget: int) -> Choice:
    """Take one option from each table: the least sum of losses whose sum of costs is within a budget.

    For a price lambda each table by itself takes the option of least loss + lambda * cost. The smallest price that
    meets the budget is found by bisection; no other choice of the cost it leads to is better (Everett 1963). What is
    left of the budget then goes, one table at a time, to the change that saves the most loss per unit of cost.

    Args:
        tables: for each name the costs of its options, whole numbers, and their losses, not negative.
        budget: the most that all may cost together.
    """
    names, rows = list(tables), torch.arange(len(tables))
    costs_LR, losses_LR = (_padded([table[i] for table in tables.values()]) for i in (0, 1))
    chosen_L = _at_the_right_price(losses_LR, costs_LR, budget)
    while True:
        more_LR = costs_LR - costs_LR[rows, chosen_L][:, None]
        saved_LR = losses_LR[rows, chosen_L][:, None] - losses_LR
        fits_LR = (more_LR <= budget - costs_LR[rows, chosen_L].sum()) & (saved_LR > 0)
        if not bool(fits_LR.any()):
            break
        worth = torch.where(fits_LR, saved_LR / more_LR.clamp_min(1.0), -torch.inf)
        row, option = divmod(int(worth.argmax()), costs_LR.shape[1])
        chosen_L[row] = option
    loss, cost = losses_LR[rows, chosen_L].sum(), costs_LR[rows, chosen_L].sum()
    return Choice(dict(zip(names, chosen_L.tolist())), float(loss), int(cost), budget)


def allocate(
    tails: Mapping[str, Float[Tensor, "..."]],
    shapes: Mapping[str, tuple[int, int]],
    keep: float,
    cost: Cost = interpolative_cost,
) -> Allocation:
    """Minimise the sum of tail_l(R_l) under sum of cost_l <= keep * sum of m n, with "dense" (no loss, m n) allowed.

    Args:
        tails: for each matrix, losses at ranks 0 .. K, not negative.
        shapes: (m, n) of each matrix.
        keep: fraction of all numbers to keep, in (0, 1].
        cost: numbers of a rank; `interpolative_cost` or `product_cost`.

    Raises:
        ConfigError: `keep` outside (0, 1].
    """
    tables = {}
    for name, tail in tails.items():
        m, n = shapes[name]
        of_rank = cost(torch.arange(len(tail), dtype=torch.float64), m, n)
        # Ranks that save nothing lose everything.
        losses = torch.where(of_rank < m * n, tail.double().cpu(), torch.inf)
        tables[name] = torch.cat([of_rank, of_rank.new_tensor([m * n])]), torch.cat([losses, losses.new_zeros(1)])
    found = choose(tables, fraction_of(sum(m * n for m, n in (shapes[name] for name in tails)), keep))
    ranks = {name: None if option == len(tails[name]) else option for name, option in found.options.items()}
    return Allocation(ranks, found.loss, found.cost, found.budget)


def fraction_of(whole: int, keep: float) -> int:
    """The budget that a fraction leaves, in whole units.

    Raises:
        ConfigError: `keep` outside (0, 1].
    """
    check(keep=keep)
    return int(keep * whole + 1e-6)


def _padded(rows: list[Tensor]) -> Tensor:
    """Rows of unequal length as one matrix, filled up with options that nobody takes."""
    return torch.nn.utils.rnn.pad_sequence([row.double() for row in rows], batch_first=True, padding_value=torch.inf)


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
