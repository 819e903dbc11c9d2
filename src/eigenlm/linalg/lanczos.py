"""The largest eigenvalue of a symmetric matrix that is known only by its products with vectors."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ConfigError, explain


@dataclass(frozen=True, kw_only=True)
class TopEigenvalue:
    """What Lanczos found.

    Attributes:
        value: the largest Ritz value, never above the largest eigenvalue but for rounding.
        residual: ||A x - value x|| of the Ritz vector x: some eigenvalue lies within it.
        products: with the matrix that were made.
    """

    value: float
    residual: float
    products: int


def top_eigenvalue(
    product: Callable[[Float[Tensor, "n"]], Float[Tensor, "n"]],
    start: Float[Tensor, "n"],
    *,
    rel_residual: float = 1e-2,
    max_products: int = 50,
) -> TopEigenvalue:
    """The algebraically largest eigenvalue of symmetric A by the Lanczos process, holding three vectors.

    A q_k = beta_{k-1} q_{k-1} + alpha_k q_k + beta_k q_{k+1} makes A a tridiagonal T_k on the Krylov space of `start`,
    and the largest eigenvalue of T_k, with eigenvector s, has the residual beta_k |s_k| (Parlett, The Symmetric
    Eigenvalue Problem, sections 13.1-13.2). Without orthogonalising again, rounding brings copies of values that have
    converged, never wrong ones (Paige 1980), so nothing but three vectors is kept. The value's error is at most the
    residual, and about its square over the gap to the next eigenvalue.

    Args:
        product: v -> A v.
        start: where the Krylov space begins; not orthogonal to the eigenvector sought, as a random one never is.
        rel_residual: stops when the residual is at most this part of the value's magnitude.
        max_products: stops after this many.

    Raises:
        ConfigError: no product was allowed, or `start` is zero or not finite.

    >>> A = torch.diag(torch.tensor([3.0, 1.0, -5.0], dtype=torch.float64))
    >>> round(top_eigenvalue(lambda v: A @ v, torch.ones(3, dtype=torch.float64)).value, 6)
    3.0
    """
    length = float(torch.linalg.vector_norm(start))
    if max_products < 1:
        raise ConfigError(explain("top eigenvalue", expected="at least one product", got=max_products))
    if not 0 < length < float("inf"):
        raise ConfigError(explain("top eigenvalue", expected="a start that is finite and not zero", got=length))
    previous, q = torch.zeros_like(start), start / length
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        Aq = product(q)
        diagonal.append(float(Aq @ q))
        Aq = Aq - diagonal[-1] * q - (beside[-1] if beside else 0.0) * previous
        beta = float(torch.linalg.vector_norm(Aq))
        value, last = _top_of_tridiagonal(diagonal, beside)
        residual = beta * abs(last)
        # Not "residual > ...", so that NaN stops it too.
        if len(diagonal) == max_products or not residual > rel_residual * abs(value):
            return TopEigenvalue(value=value, residual=residual, products=len(diagonal))
        beside.append(beta)
        previous, q = q, Aq / beta


def _top_of_tridiagonal(diagonal: list[float], beside: list[float]) -> tuple[float, float]:
    """The largest eigenvalue and the last entry of its eigenvector; NaN if an entry is."""
    T = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    if beside:
        off = torch.tensor(beside, dtype=torch.float64)
        T = T + torch.diag(off, 1) + torch.diag(off, -1)
    if not bool(T.isfinite().all()):
        return float("nan"), float("nan")
    values, vectors = torch.linalg.eigh(T)
    return float(values[-1]), float(vectors[-1, -1])
