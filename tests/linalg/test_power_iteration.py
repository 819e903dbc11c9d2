import math

import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.linalg.power_iteration import power_iteration, unit_vector


def matrix_with(S, m, n, seed=0):
    """U diag(S) V^T with random orthogonal factors."""
    draw = torch.Generator().manual_seed(seed)
    U, _ = torch.linalg.qr(torch.randn(m, len(S), generator=draw, dtype=torch.float64))
    V, _ = torch.linalg.qr(torch.randn(n, len(S), generator=draw, dtype=torch.float64))
    return U * torch.tensor(S, dtype=torch.float64) @ V.mT


@pytest.mark.parametrize("shape", [(9, 30), (30, 9), (12, 12)])
@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("second", [0.5, 0.9, 0.999])
def test_sigma_lies_within_the_bound_of_the_gap_and_never_above_the_truth(shape, k, second):
    W = matrix_with([3.0] + [3.0 * second * 0.97**i for i in range(8)], *shape)
    _, _, Vh = torch.linalg.svd(W)
    v = unit_vector(shape[1], seed=1, like=W)
    cosine = float((Vh[0] @ v).abs())
    bound = (1 / cosine**2 - 1) * min(second ** (4 * k - 2), 1 / (2 * k))
    sigma, _ = power_iteration(W, v, k)
    missing = 1 - float(sigma / torch.linalg.matrix_norm(W, ord=2)) ** 2
    assert -1e-12 <= missing <= bound + 1e-12  # 1e-12: rounding in float64


def test_a_kept_vector_makes_single_iterations_as_good_as_many():
    W = torch.randn(40, 30, generator=torch.Generator().manual_seed(2))
    v = unit_vector(30, seed=0, like=W)
    at_once, _ = power_iteration(W, v, 12)
    for _ in range(12):
        sigma, v = power_iteration(W, v)
    assert sigma == at_once
    torch.testing.assert_close(torch.linalg.vector_norm(v), torch.tensor(1.0), rtol=1e-6, atol=0)  # float32 rounding


@pytest.mark.parametrize("spoilt", [0.0, math.nan, math.inf])
def test_the_vector_outlives_a_matrix_that_is_spoilt(spoilt):
    v = unit_vector(5, seed=0, like=torch.zeros(()))
    sigma, kept = power_iteration(torch.full((4, 5), spoilt), v)
    assert torch.equal(kept, v)
    assert sigma == 0 if spoilt == 0 else not sigma.isfinite()


def test_half_precision_is_read_in_float32():
    W = torch.randn(20, 10, generator=torch.Generator().manual_seed(3)).bfloat16()
    sigma, v = power_iteration(W, unit_vector(10, seed=0, like=W), 60)
    assert sigma.dtype == v.dtype == torch.float32
    truth = torch.linalg.matrix_norm(W.double(), ord=2)
    torch.testing.assert_close(sigma.double(), truth, rtol=1e-5, atol=0)  # converged: rounding of float32 products


def test_no_iteration_is_refused():
    with pytest.raises(ConfigError, match="at least one"):
        power_iteration(torch.eye(3), torch.ones(3), 0)
