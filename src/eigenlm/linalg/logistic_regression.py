"""Logistic regression: the hyperplane that best tells two clouds of points apart, kept short."""

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy.optimize import minimize
from torch import Tensor

from eigenlm.errors import ShapeError, explain

_FLAT = 1e-9  # the gradient's length at the end; the minimum is no farther, for the Hessian is at least the identity


def logistic_regression(X: Float[Tensor, "C D"], labels: Float[Tensor, " C"]) -> Float64[Tensor, " _"]:
    """argmin over w of sum of log(1 + exp(-y <w, (x, 1)>)) + |w|^2 / 2, y = 1 or -1.

    The intercept, the last of w, is kept short like the others, as liblinear does and scikit-learn with it: the sum is
    strictly convex and has one minimum. It lies in the space that the points span and is looked for there, in
    min(C, D + 1) numbers, by a trust region with exact steps.

    Args:
        X: (C, D) points.
        labels: (C,) 1 or -1.

    Returns:
        (D + 1,) w, float64.

    Raises:
        ShapeError: no point, or not as many labels.

    >>> w = logistic_regression(torch.tensor([[-1.0], [1.0]]), torch.tensor([-1.0, 1.0]))
    >>> round(float(w[0]), 4), round(abs(float(w[1])), 4)
    (0.6748, 0.0)
    """
    if not len(X) or len(X) != len(labels):
        got = f"{len(X)} points and {len(labels)} labels"
        raise ShapeError(explain("logistic regression", expected="points and a label for each", got=got))
    points = torch.cat([X.double(), torch.ones(len(X), 1, dtype=torch.float64)], dim=1)
    _, S, Vh = torch.linalg.svd(points, full_matrices=False)
    basis = Vh[S / S[0] > torch.finfo(torch.float64).eps * max(points.shape)]
    rows = (labels.double()[:, None] * (points @ basis.mT)).numpy()

    def loss(w: np.ndarray) -> float:
        return float(np.logaddexp(0, -rows @ w).sum() + w @ w / 2)

    def gradient(w: np.ndarray) -> np.ndarray:
        return w - rows.transpose() @ _sigmoid(-rows @ w)

    def hessian(w: np.ndarray) -> np.ndarray:
        share = _sigmoid(rows @ w)
        return np.eye(len(w)) + rows.transpose() @ (rows * (share * (1 - share))[:, None])

    start = np.zeros(rows.shape[1])
    found = minimize(loss, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": _FLAT})
    return torch.from_numpy(found.x) @ basis


def probabilities(X: Float[Tensor, "C D"], w: Float64[Tensor, " _"]) -> Float64[Tensor, " C"]:
    """1 / (1 + exp(-<w, (x, 1)>)): how likely each point is to have label 1."""
    return torch.sigmoid(X.double() @ w[:-1] + w[-1])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -x))
