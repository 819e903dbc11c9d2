"""Intervals against formulas written out, against simulation, and against curves whose crossing is known."""

import math

import numpy as np
import pytest
from scipy import stats

from eigenlm.bench.race.statistics import (
    OpenInterval,
    difference,
    holm,
    mean_interval,
    quotient,
    ratio_of_pairs,
    reciprocal,
    steps_to_zero,
)
from eigenlm.estimate import Estimate

A, B = [4.10, 4.13, 4.08], [4.31, 4.22, 4.29, 4.40]


def test_difference_is_welchs():
    va, vb = np.var(A, ddof=1) / len(A), np.var(B, ddof=1) / len(B)
    freedom = (va + vb) ** 2 / (va**2 / (len(A) - 1) + vb**2 / (len(B) - 1))
    apart, error = np.mean(A) - np.mean(B), math.sqrt(va + vb)
    half = stats.t.ppf(0.975, freedom) * error
    found, p = difference(A, B)
    expected = (apart, apart - half, apart + half, 2 * stats.t.sf(abs(apart) / error, freedom))
    assert (found.value, found.low, found.high, p) == pytest.approx(expected, rel=1e-9)  # the same float64 formula


def test_difference_of_constants():
    assert difference([1.0, 1.0], [2.0, 2.0]) == (Estimate(value=-1.0, low=-1.0, high=-1.0), 0.0)
    assert difference([1.0, 1.0], [1.0, 1.0]) == (Estimate(value=0.0, low=0.0, high=0.0), 1.0)


def test_interval_of_a_mean_holds_it_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(1.0, 2.0, (4000, 3))
    inside = [found.low <= 1.0 <= found.high for found in map(mean_interval, draws.tolist())]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.014)  # four standard errors of a share of 4000


def test_ratio_does_not_see_what_pairs_share():
    moods = [1.0, 3.0, 0.5]  # a machine that is slow for both of a pair
    found = ratio_of_pairs([1.2 * mood for mood in moods], moods)
    assert (found.value, found.low, found.high) == pytest.approx((1.2, 1.2, 1.2), rel=1e-9)  # rounding of logarithms


def band(values: list[float], half: float) -> list[Estimate]:
    return [Estimate(value=v, low=v - half, high=v + half) for v in values]


def test_crossing_of_a_line_over_log_steps_is_exact():
    """d(s) = log2(700 / s), half-width 0.2: it crosses at 700, its ends at 700 / 2^0.2 and 700 * 2^0.2."""
    steps = [1000, 750, 667, 500]
    found = steps_to_zero(steps, band([math.log2(700 / s) for s in steps], 0.2))
    ends = (found.value, found.low, found.high)
    assert ends == pytest.approx((700, 700 / 2**0.2, 700 * 2**0.2), rel=1e-9)  # interpolation of a line


@pytest.mark.parametrize(
    ("differences", "half", "expected"),
    [
        ([-3.0, -2.0], 0.5, (None, None, 500.0)),  # reached even by the shortest
        ([0.9, 2.0], 0.5, (None, 1000.0, None)),  # clearly missed by the longest
        ([0.1, 2.0], 0.5, (None, 500 * 2 ** (1.5 / 1.9), None)),  # missed by the longest, perhaps by chance
        ([-1.0, -0.2], 0.5, (None, None, 500 * 2 ** (0.3 / 0.8))),  # reached by the shortest, perhaps by chance
        ([0.1, -0.1], 0.5, (None, None, None)),  # nothing can be told
    ],
)
def test_what_lies_outside_of_the_lengths_is_open(differences, half, expected):
    found = steps_to_zero([1000, 500], band(differences, half))
    for end, known in zip((found.value, found.low, found.high), expected):
        assert end == (known if known is None else pytest.approx(known, rel=1e-9))  # interpolation of a line


def test_of_several_crossings_the_last_counts():
    found = steps_to_zero([1000, 800, 700, 500], band([-1.0, 1.0, -1.0, 1.0], 0.0))
    assert found.value == pytest.approx(math.sqrt(800 * 1000), rel=1e-9)  # the middle, by logarithm


def test_ratios_turn_ends_round():
    steps = OpenInterval(value=500.0, low=400.0, high=None)
    ratio = reciprocal(steps, 1000)
    assert ratio == OpenInterval(value=2.0, low=None, high=2.5)
    cost = Estimate(value=1.25, low=1.0, high=1.5)
    assert quotient(ratio, cost) == OpenInterval(value=1.6, low=None, high=2.5)


def test_holm_raises_the_smallest_most():
    # Holm 1979: sorted p times 4, 3, 2, 1, never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
