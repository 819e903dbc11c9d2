"""How sure a race's figures are: means, differences and crossings, each with its 95 % interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import stats

from eigenlm.estimate import Estimate

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class OpenInterval:
    """An estimate whose ends, or even the figure, may lie outside of what was measured: these are None.

    Attributes:
        value: the estimate.
        low: lower end.
        high: upper end.
    """

    value: float | None
    low: float | None
    high: float | None


def mean_interval(values: Sequence[float]) -> Estimate:
    """Mean of at least two values, with Student's interval: mean +- t(n - 1) s / sqrt(n)."""
    mean, n = float(np.mean(values)), len(values)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
    return Estimate(value=mean, low=mean - half, high=mean + half)


def difference(values: Sequence[float], reference: Sequence[float]) -> tuple[Estimate, float]:
    """mean(values) - mean(reference) with Welch's interval, for unequal spreads, and two-sided p-value."""
    apart = float(np.mean(values) - np.mean(reference))
    if np.ptp(values) == 0 and np.ptp(reference) == 0:
        return Estimate(value=apart, low=apart, high=apart), float(apart == 0)
    test = stats.ttest_ind(values, reference, equal_var=False)
    ends = test.confidence_interval(CONFIDENCE)
    return Estimate(value=apart, low=float(ends.low), high=float(ends.high)), float(test.pvalue)


def ratio_of_pairs(values: Sequence[float], reference: Sequence[float]) -> Estimate:
    """Geometric mean of values[i] / reference[i], with Student's interval of its logarithm."""
    logs = mean_interval(np.log(np.asarray(values) / np.asarray(reference)).tolist())
    return Estimate(**{name: math.exp(x) for name, x in vars(logs).items()})


def steps_to_zero(steps: Sequence[int], differences: Sequence[Estimate]) -> OpenInterval:
    """Steps at which a challenger's final loss equals the target's, from schedules of several lengths.

    The estimate is where the differences cross 0, straight lines over log(steps) between the lengths. The interval
    holds the lengths at which the difference's own interval has 0 in it (a test turned round), by the same lines. Where
    a curve crosses several times, the crossing at most steps counts.

    Args:
        steps: lengths of the schedules.
        differences: challenger's loss less the target's, at the end of each.

    Returns:
        Steps; None for what lies below the shortest length, or above the longest.
    """
    value, low, high = (
        _last_crossing(steps, [getattr(d, name) for d in differences]) for name in ("value", "low", "high")
    )
    shortest, longest = float(min(steps)), float(max(steps))
    return OpenInterval(
        value=value if math.isfinite(value) else None,
        low=longest if low == math.inf else low if math.isfinite(low) else None,
        high=shortest if high == -math.inf else high if math.isfinite(high) else None,
    )


def _last_crossing(steps: Sequence[int], values: Sequence[float]) -> float:
    """Where values go below 0 for good: inf if they never do, -inf if they always are."""
    points = sorted(zip(steps, values), reverse=True)
    if points[0][1] > 0:
        return math.inf
    for (longer, below), (shorter, above) in pairwise(points):
        if above > 0:
            return shorter * (longer / shorter) ** (above / (above - below))
    return -math.inf


def reciprocal(interval: OpenInterval, of: int) -> OpenInterval:
    """of / x for every x of an interval of positive numbers."""
    value, low, high = interval.value, interval.high, interval.low
    return OpenInterval(
        value=None if value is None else of / value,
        low=None if low is None else of / low,
        high=None if high is None else of / high,
    )


def quotient(interval: OpenInterval, by: Estimate) -> OpenInterval:
    """x / y for two intervals of positive numbers, the errors of both taken at their worst."""
    return OpenInterval(
        value=None if interval.value is None else interval.value / by.value,
        low=None if interval.low is None else interval.low / by.high,
        high=None if interval.high is None else interval.high / by.low,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of several comparisons, raised so that any false alarm at all has the stated chance (Holm 1979)."""
    order, raised, most = sorted(range(len(p_values)), key=lambda i: p_values[i]), [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        most = max(most, min(1.0, (len(p_values) - place) * p_values[i]))
        raised[i] = most
    return raised
