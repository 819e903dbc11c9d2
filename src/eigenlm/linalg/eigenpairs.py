"""Eigenpairs at the ends of a symmetric operator's spectrum, in bounded memory, each with its residual certified."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.basis import Basis
from eigenlm.linalg.inner_product import inner_product, length
from eigenlm.linalg.seeded import seeded
from eigenlm.linalg.symmetric_operator import Factor, SymmetricOperator

End = Literal["largest", "smallest", "both", "magnitude"]

_COMPACT_BYTES = 2**30  # a basis beyond this is kept in 16 bits a number
_KEPT = 0.5  # of the vectors beyond those asked for, at a restart
_EXTRA = 12  # vectors beyond those asked for: fewer restart too often, more cost orthogonalisation


@dataclass(frozen=True, kw_only=True)
class Eigenpairs:
    """A x = lambda x, as far as the residuals say.

    Attributes:
        values: lambda = x^T A x; the largest first, or the smallest or the greatest magnitude, as was asked.
        vectors: x, of length 1, made one at a time as they are read; no orthonormality beyond their precision.
        residuals: ||A x - lambda x||, from one more product with each vector as it is returned. Some eigenvalue of A
            lies within it of lambda.
        products: with A, those for the residuals included; two halves of a factored one count one.
        rel_residual: that was asked for.
    """

    values: Float64[Tensor, "k"]
    vectors: Sequence[Tensor]
    residuals: Float64[Tensor, "k"]
    products: int
    rel_residual: float

    @property
    def rel_residuals(self) -> Float64[Tensor, "k"]:
        """||A x - lambda x|| / |lambda|; 0 where both are zero."""
        return torch.where(self.residuals > 0, self.residuals / self.values.abs(), 0.0)


def eigenpairs(
    operator: SymmetricOperator,
    count: int,
    which: End = "largest",
    *,
    rel_residual: float = 1e-3,
    basis_size: int | None = None,
    max_products: int = 1000,
    start: Float[Tensor, "n"] | None = None,
    seed: int = 0,
) -> Eigenpairs:
    """Eigenpairs at one end of the spectrum, or at both, by the thick-restart Lanczos method (Wu and Simon 2000).

    The Krylov space grows by one product at a time to `basis_size` vectors, each made orthogonal to all others; then
    the best Ritz vectors are kept and it grows again from where it stopped. One vector cannot see the copies of a
    repeated eigenvalue: when the pairs asked for have converged, the space grows once more from a random vector
    orthogonal to them, until that changes nothing.

    Where A = B B^T has a factor with fewer columns than rows, the iteration runs on B^T B, in shorter vectors with the
    same nonzero eigenvalues, and x = B y / ||B y||.

    Args:
        operator: A.
        count: k pairs; k at each end for "both".
        which: the end; "magnitude" for those farthest from zero.
        rel_residual: stops when ||A x - lambda x|| is at most this part of |lambda|, or rounding of A's norm.
        basis_size: vectors held, at least two more than the pairs asked for.
        max_products: stops after this many; the residuals then say how far it came.
        start: where the Krylov space begins: near the eigenvectors sought, if something is known of them.
        seed: of the random start otherwise, and of the second look.

    Raises:
        ConfigError: no pair, more than there are, or a basis too small for them.
        DataError: a product is not finite.
    """
    pairs = 2 * count if which == "both" else count
    factor = operator.factor
    shortest = operator.in_shortest_vectors()
    if factor is not None and shortest is not operator and which in ("largest", "magnitude") and pairs <= factor.r:
        inner = _Lanczos(shortest, pairs, which, basis_size, rel_residual, seed)
        inner.run(None if start is None else factor.transposed_product(start), max_products)
        if inner.is_far_from_zero():
            return _certified(operator, _Lifted(inner.ritz_vectors(), factor), inner.products, which, rel_residual)
    lanczos = _Lanczos(operator, pairs, which, basis_size, rel_residual, seed)
    lanczos.run(start, max_products)
    return _certified(operator, lanczos.ritz_vectors(), lanczos.products, which, rel_residual)


def basis_bytes(n: int, size: int, dtype: torch.dtype) -> int:
    """Memory that a basis of so many vectors takes."""
    return n * size * (2 if _is_compact(n, size, dtype) else dtype.itemsize)


class _Lanczos:
    """The iteration and its state: a basis Q of Krylov and Ritz vectors, and T = Q^T A Q."""

    def __init__(
        self, A: SymmetricOperator, pairs: int, which: End, size: int | None, rel_residual: float, seed: int
    ) -> None:
        self._A, self._pairs, self._which, self._rel, self._seed = A, pairs, which, rel_residual, seed
        self._size = min(A.n, pairs + _EXTRA if size is None else size)
        if not 1 <= pairs <= A.n:
            raise ConfigError(explain("eigenpairs", expected=f"1 to {A.n} of the {A.name}", got=pairs))
        if self._size < min(A.n, pairs + 2):
            raise ConfigError(explain("basis_size", expected=f"at least {pairs + 2} for these pairs", got=size))
        self._Q = Basis(A.n, self._size, A.dtype, A.device, compact=_is_compact(A.n, self._size, A.dtype))
        self._T = torch.zeros(self._size, self._size, dtype=torch.float64)
        self.products = 0

    def run(self, start: Tensor | None, max_products: int) -> None:
        """Grow, restart and look again, until everything asked for has converged."""
        self._next: Tensor = self._direction(start)
        unseen, seen = 0, None  # steps of a fresh start until it is judged, and the values it has to change
        while True:
            self._grow()
            unseen -= 1
            if len(self._Q) == self._A.n or self.products >= max_products:
                return
            if unseen <= 0 and self._has_converged():
                values = self._theta[: self._pairs]
                if seen is not None and bool(((values - seen).abs() <= self._allowed(seen)).all()):
                    return
                self._keep(self._pairs)
                self._next, unseen, seen = self._direction(None), min(self._size - self._pairs, _EXTRA), values
            elif len(self._Q) == self._size:
                self._keep(self._pairs + int(_KEPT * (self._size - self._pairs)))

    def is_far_from_zero(self) -> bool:
        """Whether every eigenvalue asked for stands out from rounding."""
        theta = self._theta[: self._pairs].abs()
        return bool(theta.min() > 100 * torch.finfo(self._A.dtype).eps * theta.max())

    def ritz_vectors(self) -> "_Columns":
        """The vectors asked for, in what is left of the basis."""
        self._keep(min(self._pairs, len(self._Q)))
        self._Q.shrink_()
        return _Columns(self._Q)

    def _grow(self) -> None:
        """One more vector, one more product, and the direction in which the space grows next."""
        self._Q.append(self._next)
        del self._next  # a product needs the room
        k = len(self._Q)
        w = self._A @ self._Q[k - 1]
        self.products += 1
        column = self._Q.orthogonalise_(w).cpu()
        self._T[:k, k - 1] = self._T[k - 1, :k] = column
        beta = length(w)
        theta, S = torch.linalg.eigh(self._T[:k, :k])
        order = _order(theta, self._which)
        self._theta, self._S, self._estimates = theta[order], S[:, order], beta * S[-1, order].abs()
        if beta > self._floor():
            self._next = w.div_(beta)
        else:  # an invariant subspace: nothing of A leads out of it
            self._estimates.zero_()
            self._next = self._direction(None) if k < self._A.n else w

    def _direction(self, start: Tensor | None) -> Tensor:
        """A unit vector orthogonal to the basis: along `start`, or random."""
        if start is None:
            generator = seeded(self._seed).manual_seed(self._seed + self.products)
            w = torch.randn(self._A.n, generator=generator, dtype=self._A.dtype).to(self._A.device)
        else:
            w = start.to(self._A.dtype, copy=True)
        self._Q.orthogonalise_(w)
        norm = length(w)
        if not 0 < norm < math.inf:
            raise ConfigError(explain("eigenpairs", expected="a start that is finite and not zero", got=norm))
        return w.div_(norm)

    def _keep(self, count: int) -> None:
        """Go on with the best Ritz vectors as the basis."""
        self._Q.rotate_(self._S[:, :count])
        self._T.zero_()
        self._T.diagonal()[:count] = self._theta[:count]

    def _has_converged(self) -> bool:
        if len(self._Q) < self._pairs:
            return False
        return bool((self._estimates[: self._pairs] <= self._allowed(self._theta[: self._pairs])).all())

    def _allowed(self, theta: Tensor) -> Tensor:
        # Half of what was asked for: what the second look drops of the first adds to the residual, unestimated.
        return (self._rel / 2 * theta.abs()).clamp_min(self._floor())

    def _floor(self) -> float:
        """What rounding leaves of the largest eigenvalue seen."""
        return 16 * torch.finfo(self._A.dtype).eps * float(self._theta.abs().max())


class _Columns(Sequence):
    """Vectors of a basis, each of length 1."""

    def __init__(self, Q: Basis) -> None:
        self._Q = Q

    def __len__(self) -> int:
        return len(self._Q)

    def __getitem__(self, i: int) -> Tensor:  # type: ignore[override]
        if not 0 <= i < len(self):
            raise IndexError(i)
        q = self._Q[i]
        return q.div_(length(q))


class _Lifted(Sequence):
    """x = B y / ||B y||, computed when it is read."""

    def __init__(self, inner: Sequence, factor: Factor) -> None:
        self._inner, self._factor = inner, factor

    def __len__(self) -> int:
        return len(self._inner)

    def __getitem__(self, i: int) -> Tensor:  # type: ignore[override]
        x = self._factor.product(self._inner[i])
        return x.div_(length(x))


class _Chosen(Sequence):
    """Vectors in another order."""

    def __init__(self, vectors: Sequence, order: list[int]) -> None:
        self._vectors, self._order = vectors, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, i: int) -> Tensor:  # type: ignore[override]
        return self._vectors[self._order[i]]


def _certified(A: SymmetricOperator, vectors: Sequence, products: int, which: End, rel_residual: float) -> Eigenpairs:
    """Rayleigh quotients and residuals of the vectors as they are, by a product with each."""
    values, residuals = torch.zeros(2, len(vectors), dtype=torch.float64)
    for i in range(len(vectors)):
        x = vectors[i]
        Ax = A @ x
        values[i] = inner_product(Ax, x)
        residuals[i] = length(Ax.sub_(x, alpha=float(values[i])))
    order = values.argsort(descending=True) if which == "both" else _order(values, which)
    return Eigenpairs(
        values=values[order],
        vectors=_Chosen(vectors, order.tolist()),
        residuals=residuals[order],
        products=products + len(vectors),
        rel_residual=rel_residual,
    )


def _order(values: Tensor, which: End) -> Tensor:
    """Positions of the values, those asked for first; for "both" the largest, the smallest, the second largest, ..."""
    if which == "magnitude":
        return values.abs().argsort(descending=True)
    falling = values.argsort(descending=True)
    if which == "both":
        return torch.stack([falling, falling.flip(0)], dim=1).flatten()[: len(values)]
    return falling if which == "largest" else falling.flip(0)


def _is_compact(n: int, size: int, dtype: torch.dtype) -> bool:
    return dtype == torch.float32 and 4 * n * size > _COMPACT_BYTES
