import pytest
import scipy.linalg
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from eigenlm.errors import ShapeError
from eigenlm.linalg.procrustes import procrustes


def points(n: int, D: int, seed: int) -> Tensor:
    return torch.randn(n, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_it_is_scipys_and_orthogonal(seed: int) -> None:
    X, Y = points(20, 5, seed), points(20, 5, seed + 1)
    R = procrustes(X, Y)
    theirs, _ = scipy.linalg.orthogonal_procrustes(X.numpy(), Y.numpy())
    assert torch.allclose(R, torch.from_numpy(theirs), atol=1e-9)
    assert torch.allclose(R @ R.mT, torch.eye(5, dtype=torch.float64))


def test_a_rotation_is_found_again_and_noise_turns_it_little() -> None:
    X, true = points(200, 8, 0), torch.from_numpy(scipy.stats.ortho_group.rvs(8, random_state=1))
    assert torch.allclose(procrustes(X, X @ true), true, atol=1e-12)
    noisy = procrustes(X, X @ true + 0.1 * points(200, 8, 2))
    assert float((noisy - true).norm()) < 0.1  # sigma sqrt(D (D - 1) / 2 / n) = 0.04 in the mean, for n points


def test_no_rotation_that_is_drawn_comes_nearer() -> None:
    X, Y = points(30, 4, 3), points(30, 4, 4)
    best = float((X @ procrustes(X, Y) - Y).norm())
    others = [torch.from_numpy(scipy.stats.ortho_group.rvs(4, random_state=seed)) for seed in range(200)]
    assert best <= min(float((X @ R - Y).norm()) for R in others)


def test_sizes_that_do_not_fit_are_told() -> None:
    with pytest.raises(ShapeError, match=r"as many points of one width, got \(3, 2\) and \(3, 4\)"):
        procrustes(torch.ones(3, 2), torch.ones(3, 4))
    with pytest.raises(ShapeError, match=r"got \(0, 2\) and \(0, 2\)"):
        procrustes(torch.ones(0, 2), torch.ones(0, 2))
