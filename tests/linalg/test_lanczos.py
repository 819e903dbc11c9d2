import math

import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.linalg.lanczos import top_eigenvalue


def symmetric(values, seed=0):
    n = len(values)
    Q, _ = torch.linalg.qr(torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
    return Q * torch.tensor(values, dtype=torch.float64) @ Q.mT


def start(n):
    return torch.randn(n, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


@pytest.mark.parametrize("top", [7.0, 1.05, -0.5])
def test_largest_eigenvalue_is_that_of_dense_algebra(top):
    A = symmetric([top, *torch.linspace(-20, min(top, 1.0) - 0.04, 79).tolist()])
    found = top_eigenvalue(lambda v: A @ v, start(80), rel_residual=1e-6, max_products=400)
    truth = float(torch.linalg.eigvalsh(A)[-1])
    assert (
        abs(found.value - truth) <= found.residual + 1e-12
    )  # the residual is the promise; 1e-12 is float64's rounding
    assert found.residual <= 1e-6 * abs(found.value)


def test_value_is_never_above_the_truth_however_few_the_products():
    A = symmetric(torch.linspace(-3, 3, 50).tolist())
    for products in range(1, 12):
        found = top_eigenvalue(lambda v: A @ v, start(50), rel_residual=0.0, max_products=products)
        assert found.products == products
        assert found.value <= 3 + 1e-12  # rounding in float64


def test_it_goes_on_without_orthogonality():
    """Far more products than dimensions: copies of converged values may come, wrong values must not."""
    A = symmetric([100.0, 50.0, *[0.01 * i for i in range(10)]])
    found = top_eigenvalue(lambda v: A @ v, start(12), rel_residual=0.0, max_products=60)
    assert math.isclose(found.value, 100.0, rel_tol=1e-12)


def test_a_start_that_is_an_eigenvector_and_the_zero_matrix_end_at_once():
    first = torch.eye(4, dtype=torch.float64)[0]
    assert top_eigenvalue(lambda v: 5 * v, first).products == 1
    assert top_eigenvalue(torch.zeros_like, first).value == 0.0


def test_nan_stops_it():
    found = top_eigenvalue(lambda v: v * math.nan, torch.ones(3))
    assert math.isnan(found.value)
    assert found.products == 1


def test_nonsense_is_refused():
    with pytest.raises(ConfigError, match="product"):
        top_eigenvalue(lambda v: v, torch.ones(3), max_products=0)
    with pytest.raises(ConfigError, match="start"):
        top_eigenvalue(lambda v: v, torch.zeros(3))
