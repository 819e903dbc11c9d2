"""A figure computed from means of a few independent groups, with a 95 % interval."""

from collections.abc import Callable

import torch
from jaxtyping import Float64
from scipy.special import stdtrit
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.estimate import Estimate


def jackknife(
    groups: Float64[Tensor, "J *q"], statistic: Callable[[Float64[Tensor, "*q"]], Float64[Tensor, ""]]
) -> Estimate:
    """f(mean of all groups), and an interval from what leaving out each group in turn does to it (Tukey 1958).

        se^2 = (J - 1) / J * sum_j (f_-j - mean f_-j)^2,   interval f -+ t_{J-1, 0.975} se .

    For f the identity it is the classical interval of a mean; for ratios of means, which are biased and not normal, it
    needs no derivative.

    Args:
        groups: one row of averages for each group, drawn independently of the others.
        statistic: smooth near the true means.

    Raises:
        ConfigError: fewer than two groups.

    >>> jackknife(torch.tensor([1.0, 3.0], dtype=torch.float64), lambda mean: 2 * mean).value
    4.0
    """
    J = len(groups)
    if J < 2:
        raise ConfigError(explain("an interval", expected="at least two independent groups", got=J))
    total = groups.sum(0)
    left_out = torch.stack([statistic((total - group) / (J - 1)) for group in groups])
    error = float(((J - 1) * left_out.var(correction=0)).sqrt())
    value, half = float(statistic(total / J)), float(stdtrit(J - 1, 0.975)) * error
    return Estimate(value=value, low=value - half, high=value + half)
