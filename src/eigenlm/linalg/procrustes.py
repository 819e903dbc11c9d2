"""The rotation that brings one set of points nearest to another."""

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ShapeError, explain


def procrustes(X: Float[Tensor, "n D"], Y: Float[Tensor, "_ _"]) -> Float[Tensor, "D D"]:
    """The orthogonal R that minimises ||X R - Y||_F: R = U Vh of X^T Y = U S Vh, computed in float64.

    R may turn over as well as turn. Where X^T Y has not full rank, as with fewer rows than D, other rotations are as
    near. Source: Schoenemann 1966, equation 1.8.

    Args:
        X: (n, D) points.
        Y: (n, D) where each of them should come.

    Raises:
        ShapeError: two sizes, or no point.

    >>> X, quarter_turn = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    >>> torch.allclose(procrustes(X, X @ quarter_turn), quarter_turn)
    True
    """
    if X.shape != Y.shape or not len(X):
        got = f"{tuple(X.shape)} and {tuple(Y.shape)}"
        raise ShapeError(explain("orthogonal Procrustes", expected="as many points of one width", got=got))
    U, _, Vh = torch.linalg.svd(X.double().mT @ Y.double())
    return (U @ Vh).to(X.dtype)
