"""The trace of a symmetric operator from a few products with random vectors, with its uncertainty."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from scipy.stats import t as student
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.basis import Basis
from eigenlm.linalg.inner_product import inner_product, length
from eigenlm.linalg.seeded import seeded
from eigenlm.linalg.symmetric_operator import SymmetricOperator


@dataclass(frozen=True, kw_only=True)
class Trace:
    """An estimate of tr A.

    Attributes:
        value: the estimate, without bias.
        standard_error: of the mean over probes.
        low: lower end of the 95 % interval, by Student's t.
        high: its upper end.
        products: with A that were made.
    """

    value: float
    standard_error: float
    low: float
    high: float
    products: int


def hutchinson(operator: SymmetricOperator, probes: int = 10, *, seed: int = 0) -> Trace:
    """tr A ~ mean of z^T A z over vectors z of random signs; its variance is 2 / probes sum over i != j of A_ij^2.

    Source: Hutchinson 1989; Avron and Toledo 2011 for the variance.

    Args:
        operator: A; of a factored one, B B^T, the product in shorter vectors is taken, whose trace is the same.
        probes: products, at least two.
        seed: of the signs.

    Raises:
        ConfigError: fewer than two probes.
        DataError: a product is not finite.
    """
    _check(probes, 2)
    A = operator.in_shortest_vectors()
    return _estimate(0.0, _quadratic_forms(A, probes, seed, None), probes)


def hutch_plus_plus(operator: SymmetricOperator, products: int = 30, *, seed: int = 0) -> Trace:
    """tr A = tr Q^T A Q + tr (I - Q Q^T) A (I - Q Q^T): the first exactly, the second by Hutchinson.

    A third of the products makes Q, an orthonormal basis of A times random signs, which catches the large eigenvalues;
    what remains has a small trace and a smaller variance. The error of a positive semidefinite A falls like
    1 / products, Hutchinson's like the square root of that (arXiv:2010.09649, algorithm 1). The standard error is that
    of the second part; the first has none.

    Args:
        operator: as in `hutchinson`.
        products: with A, at least six; a third of them is the number of vectors held.
        seed: of the signs.

    Raises:
        ConfigError: fewer than six products.
        DataError: a product is not finite.
    """
    _check(products, 6)
    A = operator.in_shortest_vectors()
    sketches = products // 3
    Q = Basis(A.n, min(sketches, A.n), A.dtype, A.device, compact=False)
    caught = 0.0
    for i in range(sketches):
        w = A @ signs(A, seed, i)
        before = length(w)
        Q.orthogonalise_(w)
        if len(Q) == A.n or length(w) <= 100 * torch.finfo(A.dtype).eps * before:  # nothing new
            continue
        Q.append(w.div_(length(w)))
    for i in range(len(Q)):
        caught += inner_product(Q[i], A @ Q[i])
    probes = products - sketches - len(Q)
    return _estimate(caught, _quadratic_forms(A, probes, seed + 1, Q), products)


def signs(A: SymmetricOperator, seed: int, index: int) -> Float[Tensor, "n"]:
    """The probe of this index: n random signs, in A's precision."""
    generator = seeded(seed).manual_seed(seed * 1_000_003 + index)
    z = torch.randint(0, 2, (A.n,), generator=generator, dtype=torch.int8)
    return z.to(A.device, A.dtype).mul_(2).sub_(1)


def interval(samples: Float64[Tensor, "probes *rest"]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean over the first dimension, its standard error, and half the 95 % interval by Student's t."""
    probes = len(samples)
    error = samples.std(0) / math.sqrt(probes)
    return samples.mean(0), error, error * float(student.ppf(0.975, probes - 1))


def _quadratic_forms(A: SymmetricOperator, probes: int, seed: int, without: Basis | None) -> Tensor:
    """z^T A z of each probe, of what of z lies outside a subspace."""
    forms = []
    for i in range(probes):
        z = signs(A, seed, i)
        if without is not None:
            without.orthogonalise_(z)
        forms.append(inner_product(z, A @ z))
    return torch.tensor(forms, dtype=torch.float64)


def _estimate(known: float, forms: Tensor, products: int) -> Trace:
    mean, error, half = (float(x) for x in interval(forms))
    value = known + mean
    return Trace(value=value, standard_error=error, low=value - half, high=value + half, products=products)


def _check(got: int, least: int) -> None:
    if got < least:
        raise ConfigError(explain("trace", expected=f"at least {least} products", got=got))
