import math

import pytest
import torch
from scipy.integrate import quad

from eigenlm.errors import ShapeError
from eigenlm.linalg.marchenko_pastur import MarchenkoPastur, fit_marchenko_pastur


def gaussian(m, n, seed=0, batch=()):
    return torch.randn(*batch, m, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def density(x, law):
    """Of lambda, as the docstring has it."""
    p, q = sorted((law.rows, law.columns))
    low, high = (law.std**2 * (math.sqrt(q) + sign * math.sqrt(p)) ** 2 for sign in (-1, 1))
    return math.sqrt(max((high - x) * (x - low), 0)) / (2 * math.pi * law.std**2 * p * x)


@pytest.mark.parametrize(("rows", "columns"), [(40, 40), (30, 50), (500, 20), (3, 9000)])
def test_distribution_function_is_the_integral_of_the_density(rows, columns):
    law = MarchenkoPastur(rows=rows, columns=columns, std=0.3)
    for part in (0.05, 0.3, 0.5, 0.8, 1.0):
        sigma = law.sigma_minus + part * (law.sigma_plus - law.sigma_minus)
        # In sigma, 2 sigma times the density of sigma^2, so that the square law has no pole at zero.
        truth, _ = quad(lambda s: 2 * s * density(s * s, law), max(law.sigma_minus, 1e-12), sigma, limit=200)
        assert float(law.cdf(torch.tensor([sigma]))[0]) == pytest.approx(truth, abs=1e-6)  # sigma is a float32 here


def test_distribution_function_is_zero_below_and_one_above():
    law = MarchenkoPastur(rows=30, columns=50, std=2.0)
    ends = torch.tensor([0.0, law.sigma_minus * 0.99, law.sigma_plus * 1.01, 1e9], dtype=torch.float64)
    torch.testing.assert_close(
        law.cdf(ends), torch.tensor([0.0, 0.0, 1.0, 1.0], dtype=torch.float64), atol=1e-9, rtol=0
    )


def test_largest_singular_value_of_noise_strays_as_tracy_and_widom_say():
    m, n, count = 60, 40, 600
    law = MarchenkoPastur(rows=m, columns=n, std=1.0)
    largest = torch.linalg.svdvals(gaussian(m, n, batch=(count,)))[:, 0]
    # The Tracy-Widom law has mean -1.2065 and deviation 1.2680; 600 draws leave 4 % and 3 % of the latter.
    assert float(largest.mean() - law.sigma_plus) / law.tracy_widom_scale == pytest.approx(-1.2065, abs=0.25)
    assert float(largest.std()) / law.tracy_widom_scale == pytest.approx(1.268, rel=0.12)
    above = int((largest > law.largest_noise).sum())
    assert 1 <= above <= 15  # 6 are expected, with a deviation of 2.4


def test_bulk_lies_between_the_edges():
    law = MarchenkoPastur(rows=300, columns=800, std=1.0)
    S = torch.linalg.svdvals(gaussian(300, 800))
    assert float(S[0]) <= law.largest_noise
    assert float(S[-1]) >= law.sigma_minus - 5 * law.tracy_widom_scale  # the lower edge strays about as the upper
    steps = torch.arange(1, 301, dtype=torch.float64) / 300
    assert float((law.cdf(S.flip(-1)) - steps).abs().max()) < 0.01  # eigenvalues repel: the gap is O(1 / 300), not 1/17


@pytest.mark.parametrize(("spikes", "error"), [(0, 0.01), (6, 0.03)])
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_fit_finds_the_deviation_of_entries_under_spikes(spikes, error, scale):
    m, n = 300, 200
    W = gaussian(m, n) + 1000 * gaussian(m, spikes, 1) @ gaussian(spikes, n, 2)
    law = fit_marchenko_pastur(torch.linalg.svdvals(W) * scale, m, n)
    # 6 of 200 move the median by 3 places of 200, about 2 % of sigma at this shape.
    assert law.std / scale == pytest.approx(1.0, rel=error)


def test_fit_matches_the_median():
    S = torch.linalg.svdvals(gaussian(31, 50))
    law = fit_marchenko_pastur(S, 50, 31)
    assert float(law.cdf(S[15:16])[0]) == pytest.approx(0.5, abs=1e-9)  # the root is found to 1e-13


def test_there_is_no_fit_without_spread():
    assert fit_marchenko_pastur(torch.ones(7), 7, 70) is None
    assert fit_marchenko_pastur(torch.tensor([3.0, 2.0] + [0.0] * 8), 10, 20) is None


def test_wrong_number_of_singular_values_is_refused():
    with pytest.raises(ShapeError, match="9 singular values of 9 x 20, got 8"):
        fit_marchenko_pastur(torch.ones(8), 9, 20)
