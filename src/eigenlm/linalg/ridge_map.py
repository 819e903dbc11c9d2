"""The linear map that brings one set of points nearest to another, and stays near a map that is given."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ConfigError, ShapeError, explain


def ridge_map(
    X: Float[Tensor, "n D"], Y: Float[Tensor, "_ E"], penalty: float, towards: Float[Tensor, "_ _"] | None = None
) -> Float[Tensor, "D E"]:
    """The W that minimises ||X W - Y||_F^2 + penalty ||W - W_0||_F^2, computed in float64.

    It is the least-squares solution of [X; sqrt(penalty) I] W = [Y; sqrt(penalty) W_0] (Hoerl and Kennard 1970); with
    penalty 0 the one of least norm.

    Args:
        X: (n, D) points.
        Y: (n, E) where each of them should come.
        penalty: 0 or more; the larger, the nearer W is to W_0.
        towards: W_0; zero by default.

    Raises:
        ShapeError: other numbers of points, or a W_0 that does not fit.
        ConfigError: a negative penalty, or one that is no number.

    >>> W = ridge_map(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]]), 1.0, torch.eye(2))
    >>> torch.allclose(W, torch.tensor([[0.5, 0.0], [0.0, 1.0]]))
    True
    """
    D, E = X.shape[1], Y.shape[1]
    W_0 = torch.zeros(D, E) if towards is None else towards
    if len(X) != len(Y) or W_0.shape != (D, E):
        got = f"{tuple(X.shape)}, {tuple(Y.shape)} and {tuple(W_0.shape)}"
        raise ShapeError(explain("ridge map", expected="sizes (n, D), (n, E) and (D, E)", got=got))
    if not 0 <= penalty < math.inf:
        raise ConfigError(explain("ridge map", expected="a penalty of 0 or more", got=penalty))
    root = math.sqrt(penalty)
    left = torch.cat([X.double(), root * torch.eye(D, dtype=torch.float64)])
    right = torch.cat([Y.double(), root * W_0.double()])
    return torch.linalg.lstsq(left, right, driver="gelsd").solution.to(X.dtype)
