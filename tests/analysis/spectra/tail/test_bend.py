"""The bend against what it is defined by: moments of bent laws, by quadrature."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from eigenlm.analysis.spectra.tail.bend import bend


def test_a_power_law_has_no_bend():
    y = stats.expon.ppf((np.arange(200_000) + 0.5) / 200_000)
    found, high = bend(y)
    assert found == pytest.approx(0, abs=2e-4)  # the quantiles end at ln(2 n) = 12.9, where mean(y^2) misses 1e-4
    assert high - found == pytest.approx(stats.norm.ppf(0.95) / math.sqrt(200_000), rel=1e-4)


@pytest.mark.parametrize("c", [0.002, 0.01])
def test_the_bend_is_the_share_by_which_the_rate_grows(c):
    moments = [integrate.quad(lambda y, p=p: y**p * math.exp(-y - c * y**2 / 2), 0, 60)[0] for p in range(3)]
    mean, square = moments[1] / moments[0], moments[2] / moments[0]
    assert 1 - square / (2 * mean**2) == pytest.approx(c, rel=30 * c)  # the next order
    # Quantiles of that law, a normal law cut at 0.
    law = stats.truncnorm(1 / math.sqrt(c), np.inf, -1 / c, 1 / math.sqrt(c))
    found, _ = bend(law.ppf((np.arange(100_000) + 0.5) / 100_000))
    assert found == pytest.approx(1 - square / (2 * mean**2), abs=4e-4)  # as for the power law above


def test_its_standard_error_is_one_over_the_root_of_the_size():
    rng = np.random.default_rng(5)
    found = [bend(rng.exponential(size=400))[0] for _ in range(400)]
    # 400 draws of a standard deviation know it to 1/sqrt(800) = 3.5 %; the order 1/k adds some percent.
    assert np.std(found) == pytest.approx(1 / 20, rel=0.2)
