"""A product of thin matrices re-coded through some of its own rows, at fewer numbers and without loss."""

from dataclasses import dataclass

import scipy.linalg
import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Interpolation:
    """W = B A told by R of its rows: row i of W is row place[i] of the stack (skeleton, K @ skeleton).

    It holds R (m + n - R) numbers where B and A hold R (m + n): fewer than W itself at every rank below full.

    Attributes:
        skeleton: (R, n) rows of W.
        K: (m - R, R) the other rows in terms of these.
        place: (m) where each row of W lies in the stack.
    """

    skeleton: Float[Tensor, "R n"]
    K: Float[Tensor, "rest R"]
    place: Int[Tensor, " m"]

    def dense(self) -> Float[Tensor, "m n"]:
        """W."""
        return torch.cat([self.skeleton, self.K @ self.skeleton])[self.place]


def interpolate(B: Float[Tensor, "m R"], A: Float[Tensor, "R n"]) -> Interpolation:
    """The row interpolative decomposition of B @ A, computed in float64.

    Rows are chosen by QR with column pivoting of an orthonormal basis of B's columns, so K is moderate in size
    (arXiv:math/0503110 for the decomposition, arXiv:2501.19090 for its use on low-rank language models).

    >>> B, A = torch.randn(5, 2), torch.randn(2, 7)
    >>> bool(torch.allclose(interpolate(B, A).dense(), B @ A, atol=1e-5))
    True
    """
    R = B.shape[1]
    basis = torch.linalg.qr(B.double()).Q
    triangle, order = scipy.linalg.qr(basis.mT.numpy(force=True), mode="r", pivoting=True)
    triangle, order = torch.from_numpy(triangle).to(B.device), torch.from_numpy(order).long().to(B.device)
    K = torch.linalg.solve_triangular(triangle[:, :R], triangle[:, R:], upper=True).mT
    skeleton = B.double()[order[:R]] @ A.double()
    return Interpolation(skeleton.to(B.dtype), K.to(B.dtype), order.argsort())
