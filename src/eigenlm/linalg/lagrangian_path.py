"""The order in which many matrices give up what they cost as one budget shrinks, found for every budget at once."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

from jaxtyping import Float
from torch import Tensor


def least_budgets(
    tables: Mapping[str, tuple[Float[Tensor, " n"], Float[Tensor, " n"]]],
) -> dict[str, Float[Tensor, " n"]]:
    """The least budget from which on each option of each table, or a dearer one of that table, is taken.

    At a price lambda each table by itself takes the option of least loss + lambda * cost. As the price rises from 0,
    a table goes down the corners of the lower convex hull of its options, and the steps of all tables, sorted by the
    loss per unit of cost, are one path from the dearest choice to the cheapest. Where the path is at some cost, no
    other choice of that cost loses less (Everett 1963); a smaller budget never takes a dearer option.

    Args:
        tables: for each name the costs of its options, rising, and their losses, least for the last.

    Returns:
        For each name as many budgets as it has options, rising from 0, the last at most the sum of the last costs. Of a
        budget, a table takes its last option whose least budget is no larger; all together they cost no more than
        the budget, as long as that is no smaller than the sum of the first costs.

    >>> import torch
    >>> costs, losses = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([5.0, 1.0, 0.0])
    >>> least_budgets({"a": (costs, losses), "b": (costs, 3 * losses)})["a"].tolist()
    [0.0, 2.0, 4.0]
    """
    steps = [step for name, (costs, losses) in tables.items() for step in _steps(name, costs.tolist(), losses.tolist())]
    left = sum(float(costs[-1]) for costs, _ in tables.values())
    least = {name: costs.new_zeros(len(costs)).double() for name, (costs, _) in tables.items()}
    for _, name, low, high, saved in sorted(steps, key=lambda step: step[0]):
        least[name][low + 1 : high + 1] = left
        left -= saved
    return least


def _steps(name: str, costs: Sequence[float], losses: Sequence[float]) -> list[tuple[float, str, int, int, float]]:
    """From the dearest corner down: the price of a step, whose it is, from where to where, and what it saves."""
    down = [(low, high) for low, high in pairwise(_corners(costs, losses))][::-1]
    prices = accumulate(((losses[low] - losses[high]) / (costs[high] - costs[low]) for low, high in down), max)
    return [(price, name, low, high, costs[high] - costs[low]) for price, (low, high) in zip(prices, down)]


def _corners(costs: Sequence[float], losses: Sequence[float]) -> list[int]:
    """Places of the corners of the lower convex hull, the cheapest first."""
    corners: list[int] = []
    for j in range(len(costs)):
        while len(corners) > 1 and not _bends(*((costs[k], losses[k]) for k in (*corners[-2:], j))):
            corners.pop()
        corners.append(j)
    return corners


def _bends(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether b lies below the line from a to c."""
    return (b[1] - a[1]) * (c[0] - b[0]) < (c[1] - b[1]) * (b[0] - a[0])
