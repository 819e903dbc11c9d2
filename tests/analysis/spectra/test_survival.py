import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import truncnorm

from eigenlm.analysis.spectra.survival import lognormal_survival


@pytest.mark.parametrize("cut", [-3.0, 0.0, 2.0])
def test_the_cut_lognormal_is_the_one_that_scipy_finds_most_likely(cut):
    y = truncnorm.rvs(cut, np.inf, loc=-0.7 * cut, scale=0.7, size=400, random_state=0)
    at = np.linspace(0, y.max(), 50)
    a, s = minimum_of_likelihood(y)
    # Both are optima of the same function; scipy's search stops some 1e-4 before it.
    np.testing.assert_allclose(lognormal_survival(y, at), truncnorm.sf(at, a, np.inf, loc=-a * s, scale=s), atol=2e-3)


def minimum_of_likelihood(y):
    def loss(x):
        a, s = x[0], np.exp(x[1])
        return -truncnorm.logpdf(y, a, np.inf, loc=-a * s, scale=s).mean()

    found = minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 4000})
    return found.x[0], np.exp(found.x[1])


def test_what_is_straight_is_drawn_straight():
    y = np.random.default_rng(0).exponential(0.5, 100) ** 1.3  # more spread than an exponential
    at = np.linspace(0, y.max(), 20)
    np.testing.assert_allclose(lognormal_survival(y, at), np.exp(-at / y.mean()), rtol=1e-12)
