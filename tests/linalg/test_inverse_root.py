"""Inverse roots beside scipy's matrix powers."""

import pytest
import torch
from scipy.linalg import fractional_matrix_power

from eigenlm.errors import ShapeError
from eigenlm.linalg.inverse_root import inverse_root


def gram(m: int, n: int, dtype: torch.dtype) -> torch.Tensor:
    G = torch.randn(m, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    return G @ G.mT


@pytest.mark.parametrize("p", [2, 4])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-3)])
def test_equals_scipy(p: int, dtype: torch.dtype, tolerance: float) -> None:
    A = gram(12, 40, dtype)
    damped = A.double() + 1e-6 * torch.linalg.eigvalsh(A.double())[-1] * torch.eye(12)
    # eps times the condition, about 30.
    truth = torch.from_numpy(fractional_matrix_power(damped.numpy(), -1 / p))
    torch.testing.assert_close(inverse_root(A, p).double(), truth, atol=tolerance, rtol=tolerance)


def test_singular_and_zero_matrices() -> None:
    A = gram(12, 3, torch.float64)
    largest = torch.linalg.eigvalsh(A)[-1]
    top = torch.linalg.eigvalsh(inverse_root(A, 2, damping=1e-4))[-1]
    # The null space is divided by sqrt(damping lambda_1); its zeros are known to n eps lambda_1, 1e-11 of the ridge.
    torch.testing.assert_close(top, (1e-4 * largest).rsqrt(), rtol=1e-8, atol=0)
    torch.testing.assert_close(inverse_root(torch.zeros(4, 4), 4), torch.eye(4))


def test_a_rectangle_is_refused() -> None:
    with pytest.raises(ShapeError, match="square"):
        inverse_root(torch.ones(2, 3), 2)
