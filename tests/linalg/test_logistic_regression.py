import numpy as np
import pytest
import torch
from scipy.optimize import approx_fprime

from eigenlm.errors import ShapeError
from eigenlm.linalg.logistic_regression import logistic_regression, probabilities


def clouds(C: int, D: int, gap: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Points that any library can make again."""
    i, j = np.meshgrid(np.arange(C), np.arange(D), indexing="ij")
    labels = np.where(np.arange(C) % 3 == 0, 1.0, -1.0)
    X = np.sin(1.3 * (i + 1) * (j + 1)) + gap * labels[:, None] / (j + 1)
    return torch.from_numpy(X), torch.from_numpy(labels)


def loss(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
    return np.log1p(np.exp(-y * (X @ w[:-1] + w[-1]))).sum() + w @ w / 2


@pytest.mark.parametrize(("C", "D", "gap"), [(30, 4, 0.2), (30, 4, 5.0), (12, 40, 1.0)])
def test_it_is_the_minimum(C, D, gap):
    X, y = clouds(C, D, gap)
    w = logistic_regression(X, y).numpy()
    # The derivative by differences is known to the root of float64's precision.
    assert np.abs(approx_fprime(w, loss, 1e-7, X.numpy(), y.numpy())).max() < 1e-5
    rng = np.random.default_rng(0)
    least = loss(w, X.numpy(), y.numpy())
    assert all(loss(w + 1e-3 * rng.normal(size=w.shape), X.numpy(), y.numpy()) > least for _ in range(20))


# What scikit-learn 1.9's LogisticRegression(solver="liblinear", tol=1e-12) of these clouds gives: the last of w, and p.
SCIKIT_LEARN = [
    (30, 4, 0.2, -0.5945929585518533, 0.4509671091909038),
    (30, 4, 5.0, -0.04707051878908975, 0.9973431307089285),
    (12, 40, 1.0, -0.25393478859656915, 0.9381348732679582),
]


@pytest.mark.parametrize(("C", "D", "gap", "intercept", "first"), SCIKIT_LEARN)
def test_scikit_learn_says_the_same(C, D, gap, intercept, first):
    X, y = clouds(C, D, gap)
    w = logistic_regression(X, y)
    assert float(w[-1]) == pytest.approx(intercept, abs=1e-7)
    assert float(probabilities(X, w)[0]) == pytest.approx(first, abs=1e-7)


def test_no_points_are_refused():
    with pytest.raises(ShapeError, match="0 points"):
        logistic_regression(torch.ones(0, 2), torch.ones(0))
