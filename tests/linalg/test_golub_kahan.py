"""Both ends of a spectrum, known by products alone, against LAPACK's SVD."""

import math

import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.linalg.golub_kahan import singular_ends


def ends_of(A, **options):
    start = torch.randn(A.shape[1], dtype=A.dtype, generator=torch.Generator().manual_seed(1))
    return singular_ends(lambda v: A @ v, lambda u: A.mT @ u, start, **options)


def matrix(m, n, seed=0, dtype=torch.float64):
    return torch.randn(m, n, dtype=dtype, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(12, 12), (40, 17), (9, 1)])
def test_both_ends_equal_the_svd_when_the_space_is_exhausted(shape):
    A = matrix(*shape)
    k = min(3, shape[1])
    S = torch.linalg.svdvals(A)
    found = ends_of(A, largest=k, smallest=k, rel_residual=1e-9)
    values = torch.tensor([v.value for v in found.largest], dtype=torch.float64)
    torch.testing.assert_close(values, S[:k], rtol=1e-9, atol=0)  # float64 and condition < 100
    values = torch.tensor([v.value for v in found.smallest], dtype=torch.float64)
    torch.testing.assert_close(values, S.flip(0)[:k], rtol=1e-9, atol=0)
    assert found.products <= 2 * shape[1] + 4 * k


@pytest.mark.parametrize("steps", [2, 5, 9])
def test_some_singular_value_lies_within_each_residual(steps):
    A = matrix(60, 50)
    S = torch.linalg.svdvals(A)
    found = ends_of(A, largest=2, smallest=2, rel_residual=0.0, max_steps=steps)
    for v in found.largest + found.smallest:
        assert float((S - v.value).abs().min()) <= v.residual * (1 + 1e-9)  # a theorem, but for rounding
    assert found.largest[0].value <= float(S[0]) * (1 + 1e-12)
    assert found.smallest[0].value >= float(S[-1]) * (1 - 1e-12)


def test_a_gap_at_the_top_is_found_in_float32_with_few_products():
    A = matrix(300, 200, dtype=torch.float32)
    A += 100 * torch.outer(torch.ones(300), torch.ones(200)) / 60000**0.5
    found = ends_of(A, rel_residual=1e-3)
    assert abs(found.largest[0].value / float(torch.linalg.svdvals(A)[0]) - 1) < 1e-5  # residual squared over the gap
    assert found.products < 20


def test_rank_deficient_and_zero_matrices():
    assert ends_of(torch.zeros(5, 4, dtype=torch.float64)).largest[0].value == 0.0
    A = torch.diag(torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64))
    found = ends_of(A, smallest=1, rel_residual=1e-10)
    assert math.isclose(found.largest[0].value, 2.0, rel_tol=1e-12)
    assert found.smallest[0].value < 1e-8  # the square root of rounding, as the null vector is known to 1e-16


def test_refusals():
    A = matrix(4, 4)
    with pytest.raises(ConfigError, match="at least one value"):
        ends_of(A, largest=0)
    with pytest.raises(ConfigError, match="not zero"):
        singular_ends(lambda v: A @ v, lambda u: A.mT @ u, torch.zeros(4, dtype=torch.float64))
    with pytest.raises(ConfigError, match="finite"):
        ends_of(A * math.nan)
