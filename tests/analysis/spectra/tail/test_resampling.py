"""The bootstrap against what it draws from, and the interval and the p that are read from it."""

import math

import numpy as np
import pytest

from eigenlm.analysis.spectra.tail.power_law import PowerLaw, fit
from eigenlm.analysis.spectra.tail.resampling import goodness, interval, refit
from tests.analysis.spectra.tail.spectra_of_known_laws import power_law, power_law_above_a_flat_body


def of(size, rate, distance=0.1) -> PowerLaw:
    rows = len(np.atleast_1d(rate))
    return PowerLaw(
        size=np.broadcast_to(size, rows).astype(np.int64),
        rate=np.atleast_1d(rate).astype(np.float64),
        distance=np.broadcast_to(distance, rows).astype(np.float64),
    )


def draws(alpha: float, n: int, seed: int) -> np.ndarray:
    """Logarithms of n draws from a power law, descending."""
    return np.sort(np.random.default_rng(seed).exponential(1 / (alpha - 1), n))[::-1]


def test_copies_vary_as_spectra_of_the_fitted_law_do():
    """Where no body lies below the tail, the copies are plain draws of the power law: so a twin can draw them too."""
    logs = np.log(power_law(120, 3.0))
    found = fit(logs[None])
    assert found.size[0] == 120
    refits = refit(logs, found, 1000)
    rate = float(found.rate[0])
    twins = fit(np.stack([draws(1 + rate, 120, seed) for seed in range(1000)]))
    # Medians of 1000 differ by about 1.25 sqrt(2/1000) = 6 % of a deviation of 0.1 to 0.15.
    assert np.median(np.log(refits.rate)) == pytest.approx(np.median(np.log(twins.rate)), abs=0.03)
    # A deviation is known to 1/sqrt(2000), and the tails here are a little heavier than normal.
    assert np.std(np.log(refits.rate)) == pytest.approx(np.std(np.log(twins.rate)), rel=0.15)
    assert np.median(refits.distance) == pytest.approx(np.median(twins.distance), rel=0.05)


def test_copies_keep_the_body():
    logs = np.concatenate([np.log(power_law(100, 3.0)), np.full(300, -9.0)])
    refits = refit(logs, fit(logs[None]), 200)
    # No power law bridges such a gap, so no search crosses it, and the tails are the binomial's 100 +- 9 at most.
    assert 100 - 4 * 9 < refits.size.max() < 100 + 4 * 9


def test_one_spectrum_gives_one_answer():
    logs = np.log(power_law_above_a_flat_body(60, 60, 2.0))
    found = fit(logs[None])
    np.random.seed(1)
    first = refit(logs, found, 150)
    np.random.seed(2)
    assert np.array_equal(first.rate, refit(logs, found, 150).rate)


def test_blocks_of_copies_add_up():
    logs = np.log(power_law(3000, 2.5))  # 87 copies a block
    assert len(refit(logs, fit(logs[None]), 100).rate) == 100


def test_the_interval_is_made_of_the_errors_of_the_copies():
    errors = np.linspace(-0.5, 0.5, 399)
    low, high = interval(of(100, 2.0), of(100, 2 * np.exp(errors)))
    # 2.5 % of 400 is the tenth of 399: errors[9].
    assert low == pytest.approx(1 + 2 * math.exp(errors[9]), rel=1e-12)
    assert high == pytest.approx(1 + 2 * math.exp(-errors[9]), rel=1e-12)
    # Copies with a sixteenth of the tail are taken to err twice as much as the data do.
    assert interval(of(160, 2.0), of(10, 2 * np.exp(2 * errors))) == pytest.approx((low, high), rel=1e-12)
    # Copies with a longer tail stay as they are.
    assert interval(of(100, 2.0), of(400, 2 * np.exp(errors))) == pytest.approx((low, high), rel=1e-12)


def test_the_interval_is_never_narrower_than_for_a_known_start():
    low, high = interval(of(100, 2.0), of(100, np.full(200, 2.0)))
    assert (low, high) == pytest.approx((1 + 2 * math.exp(-0.196), 1 + 2 * math.exp(0.196)), rel=1e-12)


def test_the_interval_covers():
    """80 spectra of 150 values, half of them a flat body. 95 % of 80 is 76 +- 2; 70 or fewer have a chance of 0.3 %."""
    covered = 0
    for seed in range(80):
        tail = draws(2.5, 75, seed)
        body = np.log(np.random.default_rng(1000 + seed).uniform(size=75))
        logs = np.sort(np.concatenate([tail, body]))[::-1].copy()
        found = fit(logs[None])
        low, high = interval(found, refit(logs, found, 100))
        covered += low <= 2.5 <= high
    assert covered > 70


def test_p_counts_the_copies_that_lie_as_far():
    assert goodness(of(50, 1.0, 0.3), of(50, np.ones(4), np.array([0.1, 0.3, 0.4, 0.2]))) == 3 / 5


def test_p_is_small_for_what_is_no_power_law():
    edge = np.log(np.linspace(2, 1, 1000))
    found = fit(edge[None])
    assert goodness(found, refit(edge, found, 100)) < 0.05
    x = np.log(power_law(400, 2.0))
    assert goodness(fit(x[None]), refit(x, fit(x[None]), 100)) > 0.5  # quantiles lie closer than any draws
