import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from eigenlm.errors import ConfigError, ShapeError
from eigenlm.linalg.ridge_map import ridge_map


def points(n: int, D: int, seed: int) -> Tensor:
    return torch.randn(n, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 10_000), st.floats(1e-3, 1e3), st.booleans())
@settings(max_examples=40, deadline=None)
def test_it_solves_the_normal_equations(seed: int, penalty: float, given_map: bool) -> None:
    X, Y = points(12, 5, seed), points(12, 3, seed + 1)
    W_0 = points(5, 3, seed + 2) if given_map else torch.zeros(5, 3, dtype=torch.float64)
    A = X.numpy().T @ X.numpy() + penalty * np.eye(5)
    wanted = np.linalg.solve(A, X.numpy().T @ Y.numpy() + penalty * W_0.numpy())
    found = ridge_map(X, Y, penalty, W_0 if given_map else None)
    assert found.numpy() == pytest.approx(wanted, rel=1e-6, abs=1e-8)


def test_without_a_penalty_it_is_numpys_least_squares_of_least_norm() -> None:
    for n in (20, 3):  # 3 points of 5 numbers leave the map open
        X, Y = points(n, 5, 0), points(n, 2, 1)
        wanted = np.linalg.lstsq(X.numpy(), Y.numpy(), rcond=None)[0]
        assert ridge_map(X, Y, 0.0).numpy() == pytest.approx(wanted, abs=1e-10)


def test_a_large_penalty_gives_the_map_it_is_drawn_to() -> None:
    W_0 = points(5, 5, 2)
    assert torch.allclose(ridge_map(points(9, 5, 0), points(9, 5, 1), 1e12, W_0), W_0, atol=1e-9)


def test_sizes_and_penalties_that_do_not_fit_are_told() -> None:
    with pytest.raises(ShapeError, match=r"expected sizes \(n, D\), \(n, E\) and \(D, E\), got \(3, 2\), \(4, 2\)"):
        ridge_map(torch.ones(3, 2), torch.ones(4, 2), 1.0)
    for penalty in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="expected a penalty of 0 or more"):
            ridge_map(torch.ones(3, 2), torch.ones(3, 2), penalty)
