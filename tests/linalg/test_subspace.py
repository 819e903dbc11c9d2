"""Subspaces against LAPACK's SVD and scipy's principal angles."""

import numpy as np
import pytest
import scipy.linalg
import torch

from eigenlm.errors import ConfigError, ShapeError
from eigenlm.linalg.subspace import GramEigenvectors, subspace_overlap


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def projector(Q: np.ndarray) -> np.ndarray:
    return Q @ Q.T


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("m", "n"), [(30, 12), (12, 30), (15, 15), (1, 9)])
def test_leading_subspaces_are_those_of_the_svd(m, n, dtype):
    W = random(m, n, dtype=dtype)
    R = min(3, m, n)
    left, right = GramEigenvectors.of(W).leading_subspaces(R)
    U, _, Vh = np.linalg.svd(W.double().numpy())
    # The gaps of these spectra are above 1e-2 of sigma_1^2: rounding of 1e-16 turns the spans by less than 1e-12.
    np.testing.assert_allclose(projector(left.numpy()), projector(U[:, :R]), atol=1e-11)
    np.testing.assert_allclose(projector(right.numpy()), projector(Vh[:R].T), atol=1e-11)
    np.testing.assert_allclose(left.mT @ left, np.eye(R), atol=1e-12)


def test_tiny_and_huge_entries_turn_nothing():
    W = random(9, 7)
    left, right = GramEigenvectors.of(W).leading_subspaces(2)
    for scale in (1e-300, 1e300):
        again = GramEigenvectors.of(W * scale).leading_subspaces(2)
        assert subspace_overlap(left, again[0]) == pytest.approx(1.0, abs=1e-12)
        assert subspace_overlap(right, again[1]) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_accurate_singular_values_are_within_the_error_and_are_not_all_when_the_last_is_small(scale):
    U, V = torch.linalg.qr(random(40, 12)).Q, torch.linalg.qr(random(12, 12, seed=1)).Q
    S = torch.logspace(0, -9, 12, dtype=torch.float64)
    found = GramEigenvectors.of(U * S @ V.mT * scale)
    count = found.num_accurate(1e-6)
    # 12 * 2^-53 / 2 * (S_0 / S_i)^2 is 1e-6 at S_i of 2.6e-5, between the sixth and the seventh.
    assert count == 6
    np.testing.assert_allclose(found.singular_values[:count] / scale, S[:count], rtol=1e-6)
    assert GramEigenvectors.of(torch.zeros(4, 3)).num_accurate() == 3


def test_overlap_is_the_mean_squared_cosine_of_the_principal_angles():
    U, V = (torch.linalg.qr(random(20, 4, seed=seed)).Q for seed in (1, 2))
    angles = scipy.linalg.subspace_angles(U.numpy(), V.numpy())
    assert subspace_overlap(U, V) == pytest.approx((np.cos(angles) ** 2).mean(), abs=1e-12)
    turned = U @ torch.linalg.qr(random(4, 4, seed=3)).Q  # another basis of the same span
    assert subspace_overlap(turned, V) == pytest.approx(subspace_overlap(U, V), abs=1e-12)
    assert subspace_overlap(U, turned) == pytest.approx(1.0, abs=1e-12)


def test_chance_is_rank_over_width():
    n, R, draws = 20, 4, 400
    found = [
        subspace_overlap(torch.eye(n, dtype=torch.float64)[:, :R], torch.linalg.qr(random(n, R, seed=seed)).Q)
        for seed in range(draws)
    ]
    # One draw has a standard deviation of 0.057, so that the mean of 400 lies within four of its own, 0.0115.
    assert np.mean(found) == pytest.approx(R / n, abs=0.0115)


def test_wrong_ranks_and_sizes_are_refused():
    with pytest.raises(ConfigError, match="rank from 1 to 3"):
        GramEigenvectors.of(random(5, 3)).leading_subspaces(4)
    with pytest.raises(ShapeError, match="two bases of one size"):
        subspace_overlap(random(5, 2), random(5, 3))
