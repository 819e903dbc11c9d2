"""What the step of an optimizer costs, stated by each rule for one parameter."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class UpdateCosts:
    """Costs of a rule on a parameter, or on all parameters of a model.

    Attributes:
        kept: numbers that the rule remembers from step to step.
        moved: numbers that a step reads and writes.
        working: numbers needed only while the parameter is stepped.
        flops: operations of a step in float32 matrix products.
        fast_flops: operations of a step in products of whichever precision is the faster.
    """

    kept: int
    moved: int
    working: int = 0
    flops: float = 0.0
    fast_flops: float = 0.0


Costs = Callable[[Shape], UpdateCosts]


def averages(number: int) -> Costs:
    """Costs of a rule that keeps `number` averages of the parameter's size: all but gradients are read and written.

    >>> averages(2)((10, 3))
    UpdateCosts(kept=60, moved=210, working=0, flops=0.0, fast_flops=0.0)
    """
    return lambda shape: UpdateCosts(kept=number * math.prod(shape), moved=(2 * number + 3) * math.prod(shape))


def total(costs: Iterable[UpdateCosts]) -> UpdateCosts:
    """Costs of parameters that are stepped one after the other: sums, and the most of what only a step needs."""
    each = [vars(cost) for cost in costs]
    sums = {name: sum(cost[name] for cost in each) for name in ("kept", "moved", "flops", "fast_flops")}
    return UpdateCosts(**sums, working=max((cost["working"] for cost in each), default=0))
