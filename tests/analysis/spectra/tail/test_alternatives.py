"""Likelihood ratios against maxima that scipy finds with normalisations by adaptive quadrature or its own functions."""

import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from eigenlm.analysis.spectra.tail.alternatives import (
    against_exponential,
    against_lognormal,
    against_truncated_power_law,
)
from tests.analysis.spectra.tail.spectra_of_known_laws import lognormal, logs_above

RNG = np.random.default_rng(0)
TAILS = {
    "power law": RNG.exponential(0.5, 100),
    "steep power law": RNG.exponential(0.2, 300),
    "lognormal": logs_above(lognormal(200), 80),
    "exponential": np.log1p(RNG.exponential(1, 200)),
    "uniform": RNG.uniform(0, 1, 80),
    "peak inside": np.abs(RNG.normal(5, 1, 100)),
}


def power_law_terms(y: np.ndarray) -> np.ndarray:
    return -math.log(y.mean()) - y / y.mean()


def largest(log_likelihood, starts):
    """The maximum over two parameters by Nelder and Mead, from several starts."""
    options = {"maxiter": 4000, "maxfev": 4000, "xatol": 1e-9, "fatol": 1e-10}
    found = [optimize.minimize(lambda p: -log_likelihood(*p), s, method="Nelder-Mead", options=options) for s in starts]
    return max(-f.fun for f in found)


@pytest.mark.parametrize("name", TAILS)
def test_lognormal_is_the_truncated_normal_of_the_logarithms(name):
    y = TAILS[name]

    def log_likelihood(mean, log_scale):
        law = stats.norm(mean, math.exp(log_scale))
        return (law.logpdf(y) - law.logsf(0)).sum()

    m = y.mean()
    reference = largest(log_likelihood, [(m, math.log(m)), (-3 * m, math.log(2 * m)), (-10 * m, math.log(4 * m))])
    # Two optimisers agree on a maximum to their tolerance in the likelihood.
    assert against_lognormal(y).log_ratio == pytest.approx(power_law_terms(y).sum() - reference, abs=1e-6)


@pytest.mark.parametrize("name", TAILS)
def test_truncated_power_law_is_normalised_by_adaptive_quadrature(name):
    y = TAILS[name]

    def log_likelihood(s, log_b):
        b = math.exp(log_b)
        # Relative to the density at the mean, so that neither side overflows.
        peak = s * y.mean() + b * math.expm1(y.mean())

        def density(v):
            return math.exp(min(peak - s * v - b * math.expm1(v), 700.0))

        ends = [0, *(y.mean() * np.array([0.1, 0.5, 1, 2, 5, 30]))]
        z = sum(integrate.quad(density, *ends[i : i + 2], epsrel=1e-10)[0] for i in range(len(ends) - 1))
        return -(s * y + b * np.expm1(y)).sum() - len(y) * (math.log(z) - peak)

    rate = 1 / y.mean()
    reference = largest(log_likelihood, [(rate, math.log(rate) - 4), (rate / 3, math.log(rate) - 1)])
    assert against_truncated_power_law(y).log_ratio == pytest.approx(power_law_terms(y).sum() - reference, abs=1e-6)


@pytest.mark.parametrize("name", TAILS)
def test_exponential_is_scipys(name):
    y = TAILS[name]
    x = np.exp(y)
    terms = stats.pareto(1 / y.mean()).logpdf(x) - stats.expon(1, (x - 1).mean()).logpdf(x)
    found = against_exponential(y)
    assert found.log_ratio == pytest.approx(terms.sum(), rel=1e-9)  # a sum of terms of mixed signs
    vuong = terms.sum() / (terms.std() * math.sqrt(len(y)))
    assert found.vuong == pytest.approx(vuong, rel=1e-9)
    assert found.p == found.vuong_p == pytest.approx(2 * stats.norm.sf(abs(vuong)), rel=1e-9)


def test_ratios_are_those_of_the_powerlaw_package():
    """powerlaw 2.0.0, Fit(x, xmin=the 80th of the 200 quantiles).distribution_compare("power_law", other)."""
    y = logs_above(lognormal(200), 80)
    found = against_lognormal(y), against_truncated_power_law(y), against_exponential(y)
    ratios, vuongs = (-2.8396148454, -2.8894821562, 0.22516875571), (-1.46153544, -1.58457160, 0.04901552637)
    # Its optimiser stops at parameters to five digits; the likelihood is flat there, Vuong's ratio less so.
    assert [f.log_ratio for f in found] == pytest.approx(ratios, abs=1e-4)
    assert [f.vuong for f in found] == pytest.approx(vuongs, abs=5e-3)
    assert found[2].vuong_p == pytest.approx(0.9609069225597345, abs=1e-6)
    # powerlaw counts both ends of the nested law's range, 0.016219: ours is half.
    assert found[1].p == pytest.approx(0.016219095642224568 / 2, abs=1e-5)
    assert found[0].p == pytest.approx(stats.chi2(1).sf(2 * 2.8396148454) / 2, abs=1e-5)


def test_laws_that_contain_the_power_law_never_fit_worse():
    for seed in range(40):
        y = np.random.default_rng(seed).pareto(1.5, 60)
        for compare in (against_lognormal, against_truncated_power_law):
            found = compare(y)
            assert found.log_ratio <= 0
            assert 0 < found.p <= 1


def test_data_that_bend_the_other_way_leave_the_power_law():
    y = np.random.default_rng(1).pareto(1.5, 200)  # heavier than exponential, so above a power law
    found = against_lognormal(y)
    assert (found.log_ratio, found.vuong, found.vuong_p, found.p) == (0.0, None, 1.0, 1.0)


@pytest.mark.parametrize("size", [1e-7, 1e-3, 30.0])
def test_logarithms_of_any_size_give_finite_ratios(size):
    for shape in (midpoint_tail(60), np.append(np.full(59, 1.0), 0.0), np.append(1.0, np.linspace(0.01, 0, 59))):
        for compare in (against_lognormal, against_truncated_power_law, against_exponential):
            found = compare(size * shape)
            assert math.isfinite(found.log_ratio)
            assert 0 <= found.p <= 1


def midpoint_tail(n: int) -> np.ndarray:
    return np.linspace(1, 0, n)
