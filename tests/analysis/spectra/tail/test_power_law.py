"""The fit against a double loop, against scipy, and against the powerlaw package."""

import numpy as np
import pytest
from scipy import stats

from eigenlm.analysis.spectra.tail.power_law import SMALLEST_TAIL, fit, tail_sizes
from tests.analysis.spectra.tail.spectra_of_known_laws import power_law, power_law_above_a_flat_body


def naive_fit(x: np.ndarray) -> tuple[int, float, float]:
    """Every start that is tried, one after the other: size of the tail, alpha, distance."""
    found = []
    for k in tail_sizes(len(x)):
        tail = x[:k]
        alpha = 1 + k / np.log(tail / tail[-1]).sum()
        # scipy's Kolmogorov-Smirnov statistic of the tail against the law fitted to it.
        distance = stats.kstest(tail, stats.pareto(alpha - 1, scale=tail[-1]).cdf).statistic
        found.append((distance, int(k), alpha))
    distance, k, alpha = min(found)
    return k, alpha, distance


def test_the_fit_is_the_best_of_a_double_loop():
    rng = np.random.default_rng(3)
    rows = np.sort(rng.lognormal(0, [[0.5], [1.0], [3.0]], (3, 90)))[:, ::-1]
    found = fit(np.log(rows))
    for i, x in enumerate(rows):
        k, alpha, distance = naive_fit(x)
        assert found.size[i] == k
        # Prefix sums of 90 logarithms lose at most two of sixteen digits.
        assert found.rate[i] == pytest.approx(alpha - 1, rel=1e-12)
        assert found.distance[i] == pytest.approx(distance, abs=1e-12)


def test_the_fit_finds_where_the_power_law_starts():
    """powerlaw 2.0.0, Fit(x): 60 values above xmin, alpha 2.622936807318461.

    Its distance counts the lower side of each step only, so that its best start may be the next value.
    """
    found = fit(np.log(power_law_above_a_flat_body(60, 30, 2.6))[None])
    assert abs(found.size[0] - 60) <= 1
    assert 1 + found.rate[0] == pytest.approx(2.622936807318461, abs=1e-3)  # what one value in sixty changes


def test_the_exponent_has_no_unit():
    logs = np.log(power_law(200, 3.0))[None]
    found, scaled = fit(logs), fit(logs + 40.0)
    assert found.size == scaled.size
    # The shift rounds logarithms at 40 * 2^-52.
    assert scaled.rate[0] == pytest.approx(found.rate[0], rel=1e-12)


def test_starts_reach_from_the_smallest_tail_to_everything():
    for n in (SMALLEST_TAIL, 31, 576, 8192):
        sizes = tail_sizes(n)
        assert sizes[0] == SMALLEST_TAIL
        assert sizes[-1] == n
        assert len(sizes) <= 96
        assert (np.diff(sizes) > 0).all()
