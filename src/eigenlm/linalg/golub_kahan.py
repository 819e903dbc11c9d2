"""Singular values at both ends of a matrix that is known only by its products and those of its transpose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.inner_product import length


@dataclass(frozen=True, kw_only=True)
class SingularValue:
    """||A v|| of a unit vector v, and what two further products say of it.

    Attributes:
        value: sigma = ||A v||; no largest singular value is below it, and no smallest above it.
        residual: ||A^T u - sigma v|| with u = A v / sigma: some singular value of A lies within it.
    """

    value: float
    residual: float


@dataclass(frozen=True, kw_only=True)
class SingularEnds:
    """What the process found.

    Attributes:
        largest: the largest first.
        smallest: the smallest first.
        products: with A and with A^T, certificates included.
    """

    largest: tuple[SingularValue, ...]
    smallest: tuple[SingularValue, ...]
    products: int


def singular_ends(
    product: Callable[[Float[Tensor, " n"]], Float[Tensor, " m"]],
    transposed: Callable[[Float[Tensor, " m"]], Float[Tensor, " n"]],
    start: Float[Tensor, " n"],
    *,
    largest: int = 1,
    smallest: int = 0,
    rel_residual: float = 1e-2,
    max_steps: int = 50,
) -> SingularEnds:
    """The ends of the spectrum of A (m, n), n <= m, by the Golub-Kahan-Lanczos process.

    A V_k = U_k B_k and A^T U_k = V_k B_k^T + beta_k v_{k+1} e_k^T make A a bidiagonal B_k whose extreme singular values
    are near those of A; the triple (p, s, q) of B_k has the residual beta_k |p_k| (Golub and Van Loan, Matrix
    Computations, section 10.4). Only the v are kept, and orthogonalised in full: that keeps the u orthogonal as well,
    as far as A is well conditioned (Simon and Zha 2000). Nothing is squared; each value is certified by two products
    more. The smallest come slowly where they crowd together, and their residuals then say so.

    Args:
        product: v -> A v.
        transposed: u -> A^T u.
        start: where the Krylov space begins; a random one meets every singular vector.
        largest: how many values of this end.
        smallest: how many of that end.
        rel_residual: stops when each residual is at most this part of its value.
        max_steps: stops after this many, of two products each; as many vectors (n) are held.

    Raises:
        ConfigError: no value or no step was asked for, or `start` is zero or not finite.

    >>> A = torch.diag(torch.tensor([3.0, 2.0, 0.5], dtype=torch.float64))
    >>> ends = singular_ends(lambda v: A @ v, lambda u: A.mT @ u, torch.ones(3, dtype=torch.float64), smallest=1)
    >>> round(ends.largest[0].value, 6), round(ends.smallest[0].value, 6)
    (3.0, 0.5)
    """
    norm = _checked_length(start, largest, smallest, max_steps)
    basis, u = [start / norm], product(start / norm)
    diagonal, above = list[float](), list[float]()
    while True:
        diagonal.append(length(u))
        u = u / diagonal[-1] if diagonal[-1] > 0 else u
        rest = _orthogonal(transposed(u), basis)
        beta = length(rest)
        P, S, Qh = _small_svd(diagonal, above)
        wanted = _ends(len(S), largest, smallest)
        converged = not bool((beta * P[-1].abs() > rel_residual * S)[wanted].any())
        invariant = not beta > torch.finfo(start.dtype).eps * float(S[0])
        enough = converged and len(basis) >= largest + smallest
        if enough or invariant or len(basis) >= min(max_steps, start.numel()):
            break
        above.append(beta)
        basis.append(rest / beta)
        u = product(basis[-1]) - beta * u
    found = {i: _certified(product, transposed, v) for i, v in zip(wanted, Qh[wanted].to(start) @ torch.stack(basis))}
    return SingularEnds(
        largest=tuple(found[i] for i in _ends(len(S), largest, 0)),
        smallest=tuple(found[i] for i in _ends(len(S), 0, smallest)),
        products=2 * len(basis) + 2 * len(found),
    )


def _checked_length(start: Tensor, largest: int, smallest: int, max_steps: int) -> float:
    norm = length(start)
    if min(largest, smallest) < 0 or largest + smallest < 1 or max_steps < 1:
        raise ConfigError(
            explain("singular values", expected="at least one value and one step", got=(largest, smallest, max_steps))
        )
    if not 0 < norm < float("inf"):
        raise ConfigError(explain("singular values", expected="a start that is finite and not zero", got=norm))
    return norm


def _ends(count: int, largest: int, smallest: int) -> list[int]:
    """Places of the values asked for in a descending list: from the top down, then from the bottom up."""
    return list(dict.fromkeys([*range(min(largest, count)), *range(count - 1, max(count - 1 - smallest, -1), -1)]))


def _orthogonal(r: Tensor, basis: Sequence[Tensor]) -> Tensor:
    V = torch.stack(list(basis))
    for _ in range(2):  # once more takes away what rounding left ("twice is enough", Kahan)
        r = r - V.mT @ (V @ r)
    return r


def _small_svd(diagonal: Sequence[float], above: Sequence[float]) -> tuple[Tensor, Tensor, Tensor]:
    B = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    if above:
        B = B + torch.diag(torch.tensor(above, dtype=torch.float64), 1)
    if not bool(B.isfinite().all()):
        raise ConfigError(explain("singular values", expected="products that are finite", got="NaN or infinity"))
    return torch.linalg.svd(B)


def _certified(product: Callable[[Tensor], Tensor], transposed: Callable[[Tensor], Tensor], v: Tensor) -> SingularValue:
    v = v / length(v)
    Av = product(v)
    sigma = length(Av)
    if sigma == 0.0:
        return SingularValue(value=0.0, residual=0.0)
    rest = transposed(Av / sigma) - sigma * v
    return SingularValue(value=sigma, residual=length(rest))
