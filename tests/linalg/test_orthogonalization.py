"""The polar factor beside float64's SVD, torch's Newton-Schulz, and a linear program."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch import Tensor
from torch.optim._muon import _zeropower_via_newtonschulz as newton_schulz

from eigenlm.errors import ShapeError
from eigenlm.linalg.orthogonalization import SMALLEST, TOLERANCE, composition, optimal_quintic, orthogonalize

MUON = (3.4445, -4.7750, 2.0315)


def with_spectrum(m: int, n: int, sigma: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    U, _ = torch.linalg.qr(torch.randn(m, len(sigma), generator=generator, dtype=torch.float64))
    V, _ = torch.linalg.qr(torch.randn(n, len(sigma), generator=generator, dtype=torch.float64))
    return U * sigma @ V.mT


def polar(X: Tensor) -> Tensor:
    U, _, Vh = torch.linalg.svd(X.double(), full_matrices=False)
    return U @ Vh


def deviations(update: Tensor) -> Tensor:
    return (torch.linalg.svdvals(update.double()) - 1).abs()


MATRICES = {
    "even": torch.randn(64, 256, generator=torch.Generator().manual_seed(1)),
    "square": torch.randn(96, 96, generator=torch.Generator().manual_seed(2)),
    "tall": torch.randn(300, 70, generator=torch.Generator().manual_seed(3)),
    "steep": with_spectrum(64, 256, 1 / torch.arange(1.0, 65)).float(),
    "steep square": with_spectrum(96, 96, 1 / torch.arange(1.0, 97)).float(),
    "strips": torch.randn(300, 700, generator=torch.Generator().manual_seed(4)),
}


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_singular_vectors_stay_and_values_come_near_one(name: str, dtype: torch.dtype) -> None:
    X = MATRICES[name].to(dtype)
    update = orthogonalize(X, dtype)
    U, S, Vh = torch.linalg.svd(X.double(), full_matrices=False)
    turned = U.mT @ update.double() @ Vh.mT
    # The intermediate Gram matrix is rounded at n eps of its largest entry, and a step multiplies what it left by 4^2.
    rounding = 1e4 * torch.finfo(dtype).eps
    torch.testing.assert_close(turned, torch.diag(turned.diagonal()), atol=rounding, rtol=0)
    reached = SMALLEST * S.norm() <= S
    assert ((turned.diagonal() - 1).abs()[reached] <= TOLERANCE + rounding).all()
    assert reached.float().mean() > 0.9


@pytest.mark.parametrize("name", MATRICES)
def test_bfloat16_is_nearer_to_orthogonal_than_torch(name: str) -> None:
    ours = deviations(orthogonalize(MATRICES[name], torch.bfloat16))
    theirs = deviations(newton_schulz(MATRICES[name], MUON, 5, 1e-7))
    assert ours.mean() <= theirs.mean()
    # A value that neither brings near 1 keeps what slope there is: 430 here, 3.4445^5 = 485 there, for their bound.
    assert ours.max() <= theirs.max() + 0.03


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_direction_is_the_polar_factor_s(dtype: torch.dtype) -> None:
    X = MATRICES["strips"]
    error = torch.linalg.matrix_norm(orthogonalize(X, dtype).double() - polar(X), 2)
    assert error <= TOLERANCE + (0.05 if dtype == torch.bfloat16 else 1e-4)  # bfloat16 rounds at 2^-9 each time


def test_transposed_and_scaled_by_powers_of_two() -> None:
    X = MATRICES["strips"].double()
    torch.testing.assert_close(orthogonalize(X.mT, X.dtype), orthogonalize(X, X.dtype).mT, atol=1e-12, rtol=0)
    for exponent in (-40, 40):
        # Exact, for a power of two changes no digit.
        assert torch.equal(orthogonalize(X * 2.0**exponent, X.dtype), orthogonalize(X, X.dtype))


def test_zero_and_nan_come_back() -> None:
    assert torch.equal(orthogonalize(torch.zeros(3, 5), torch.float32), torch.zeros(3, 5))
    assert orthogonalize(torch.full((3, 5), torch.nan), torch.float32).isnan().all()
    row = torch.tensor([[3.0, 0.0, 4.0]])
    torch.testing.assert_close(orthogonalize(row, torch.float64), row.double() / 5, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("low", [0.003, 0.05, 0.4])
def test_quintics_are_the_best_there_are(low: float) -> None:
    x = np.linspace(low, 1.0, 4000)
    # min E with |a x + b x^3 + c x^5 - 1| <= E at all x, a linear program in (a, b, c, E).
    odd, one = np.stack([x, x**3, x**5], axis=1), np.ones((len(x), 1))
    bounds = [(None, None)] * 3 + [(0, None)]
    above, below = np.hstack([odd, -one]), np.hstack([-odd, -one])
    best = linprog([0, 0, 0, 1], np.vstack([above, below]), np.concatenate([one, -one]).ravel(), bounds=bounds)
    ours = np.abs(odd @ np.array(optimal_quintic(low, 1.0)) - 1).max()
    np.testing.assert_allclose(
        ours, best.fun, atol=1e-5
    )  # the grid's step squared, times the curvature at the extremes


def test_compositions_keep_their_promise_with_no_step_to_spare() -> None:
    for low, steps in ((0.02, 3), (0.01, 4), (0.002, 5)):
        polynomials = composition(low, TOLERANCE)
        assert len(polynomials) == steps
        x, errors = torch.linspace(low, 1, 100_000, dtype=torch.float64), []
        for a, b, c in polynomials:
            x = a * x + b * x**3 + c * x**5
            errors.append((x - 1).abs().max().item())
        assert errors[-1] <= TOLERANCE < errors[-2]


def test_a_batch_is_refused() -> None:
    with pytest.raises(ShapeError, match="matrix"):
        orthogonalize(torch.ones(2, 3, 3))
