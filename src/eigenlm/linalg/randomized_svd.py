"""The largest singular triples of a matrix known by its products with blocks of vectors, such as a sparse one."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.seeded import seeded

Product = Callable[[Float[Tensor, "a k"]], Float[Tensor, "b k"]]


_DEPENDENT = 1e-3  # of the diagonal of R: below, a float32 product has lost the direction


@dataclass(frozen=True, kw_only=True)
class TruncatedSVD:
    """A ~ U diag(S) Vh.

    Attributes:
        U: (m, R) with orthonormal columns.
        S: (R,) descending.
        Vh: (R, n) with orthonormal rows.
    """

    U: Float[Tensor, "m R"]
    S: Float[Tensor, " R"]
    Vh: Float[Tensor, "R n"]


def randomized_svd(
    product: Product,
    transposed: Product,
    size: tuple[int, int],
    rank: int,
    *,
    iterations: int = 3,
    oversampling: int = 10,
    seed: int = 0,
) -> TruncatedSVD:
    """The R largest singular triples of A (m, n) by subspace iteration (Halko, Martinsson and Tropp 2011, 4.4 and 5.1).

    Q spans (A A^T)^q A G of a Gaussian G (n, R + oversampling); then Q^T A is small, and its SVD gives U = Q U', S, Vh.
    With sigma_{R+1} the first singular value left out, ||A - Q Q^T A|| is near sigma_{R+1}, nearer with each iteration.

    Args:
        product: A times a block (n, k).
        transposed: A^T times a block (m, k).
        size: (m, n).
        rank: R.
        iterations: q; each costs two products.
        oversampling: how many more directions are carried along.
        seed: of the Gaussian.

    Raises:
        ConfigError: R outside 1 ... min(m, n).

    >>> A = torch.diag(torch.tensor([5.0, 3.0, 1.0, 0.5]))
    >>> randomized_svd(lambda X: A @ X, lambda X: A.mT @ X, (4, 4), 2).S.round(decimals=4).tolist()
    [5.0, 3.0]
    """
    if not 1 <= rank <= min(size):
        raise ConfigError(explain("truncated SVD", expected=f"a rank from 1 to {min(size):,}", got=rank))
    width = min(rank + oversampling, *size)
    Q = _orthonormal(product(torch.randn(size[1], width, generator=seeded(seed))))
    for _ in range(iterations):
        Q = _orthonormal(product(_orthonormal(transposed(Q))))
    small = transposed(Q)  # (n, width), the transpose of Q^T A
    values, left = torch.linalg.eigh(small.mT.double() @ small.double())
    left, S = left.flip(-1)[:, :rank], values.flip(-1)[:rank].clamp_min(0).sqrt()
    V = small @ torch.where(S > 0, left / S, 0.0).to(small.dtype)
    return TruncatedSVD(U=Q @ left.to(Q.dtype), S=S.to(Q.dtype), Vh=V.mT)


def _orthonormal(Y: Float[Tensor, "m k"]) -> Float[Tensor, "m k"]:
    """Orthonormal columns that span those of Y, m >> k: Q of Y = Q R by products alone, where Y allows.

    Y^T Y = R^T R by Cholesky; done twice, Q is orthonormal to rounding (CholeskyQR2, Yamamoto and others 2015). Columns
    that are nearly dependent fail it, and Householder's Q serves.
    """
    Q = Y
    for _ in range(2):
        R, failed = torch.linalg.cholesky_ex((Q.mT @ Q).double(), upper=True)
        if failed or float(R.diagonal().min()) < _DEPENDENT * float(R.diagonal().max()):
            return torch.linalg.qr(Y).Q
        Q = Q @ torch.linalg.solve_triangular(R, torch.eye(len(R), dtype=R.dtype), upper=True).to(Q.dtype)
    return Q
