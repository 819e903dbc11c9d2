"""The diagonal blocks of a curvature matrix, one for each parameter, and how well approximations fit them.

No block is ever multiplied by itself: vectors for the whole matrix serve all blocks at once. Two kinds are used.

1. Rademacher probes z, for any symmetric F: E[z_b . (F z)_b] = tr F_bb, as what other blocks add has mean zero.
2. Draws g = B u, with u of independent entries of variance 1, for F = B B^T: E[g g^T] = F, so E[g_b g_b^T] = F_bb, and

       tr F_bb = E[g_b . g_b],   <K, F_bb> = E[g_b . K g_b],   ||F_bb||_F^2 = E[(g_b . h_b)^2]

   with h another draw. Nothing of one block leaks into another one's figures, and a draw costs one backward pass.

Draws are taken in groups. Within a group all pairs are used; between groups nothing is shared, so intervals come from
them by the jackknife.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.errors import ConfigError, explain
from eigenlm.estimate import Estimate
from eigenlm.linalg.jackknife import jackknife
from eigenlm.linalg.seeded import seeded
from eigenlm.linalg.symmetric_operator import SymmetricOperator
from eigenlm.linalg.trace import signs
from eigenlm.progress import track

# Draws of a group are held together, for their products in pairs.
_GROUP = 4
_CHUNK = 2**16


class BlockApproximation(SymmetricOperator):
    """A stand-in for the diagonal block of one weight (m, n), its entries in torch's order, row after row."""

    @abstractmethod
    def eigenvalues(self) -> Float[Tensor, " mn"]:
        """All of them, descending."""

    def trace(self) -> float:
        """The sum of the eigenvalues."""
        return float(self.eigenvalues().sum(dtype=torch.float64))

    def frobenius_norm(self) -> float:
        """The root of the sum of their squares."""
        return float(torch.linalg.vector_norm(self.eigenvalues(), dtype=torch.float64))


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How near K is to F.

    Attributes:
        error: ||K - F||_F / ||F||_F; 0 if they are equal, 1 is what K = 0 would have.
        trace_ratio: tr K / tr F.
        cosine: <K, F> / (||K||_F ||F||_F); 1 if they are equal up to a factor.
    """

    error: Estimate
    trace_ratio: Estimate
    cosine: Estimate


@dataclass(frozen=True, kw_only=True)
class CurvatureBlock:
    """One parameter's diagonal block F_bb.

    Attributes:
        trace: the sum of its eigenvalues.
        frobenius_norm: the root of the sum of their squares.
        agreements: of its approximations, by their kind.
    """

    trace: Estimate
    frobenius_norm: Estimate
    agreements: Mapping[str, Agreement]


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """All diagonal blocks of F and what is beside them.

    Attributes:
        blocks: by name of the parameter.
        trace: of F.
        frobenius_norm: of F.
        block_diagonal_error: ||blockdiag(F) - F||_F / ||F||_F.
    """

    blocks: Mapping[str, CurvatureBlock]
    trace: Estimate
    frobenius_norm: Estimate
    block_diagonal_error: Estimate


def block_traces(
    operator: SymmetricOperator, sizes: Mapping[str, int], *, probes: int = 8, seed: int = 0
) -> tuple[dict[str, Estimate], Estimate]:
    """Traces of all diagonal blocks, and of the whole, from the same Rademacher probes (kind 1 above).

    Args:
        operator: any symmetric F.
        sizes: of the parts of its vectors, by name, in their order.
        probes: products with F, two or more.
        seed: of the probes.

    Raises:
        ConfigError: fewer than two probes, or sizes that do not add up to F's.
    """
    _check(operator, sizes)
    rows = []
    for i in track(range(probes), "block traces"):
        z = signs(operator, seed, i)
        zFz = z.mul_(operator @ z)
        rows.append(torch.stack([part.sum(dtype=torch.float64) for part in zFz.split(list(sizes.values()))]).cpu())
    found = torch.stack(rows)
    return {name: jackknife(found[:, b], _itself) for b, name in enumerate(sizes)}, jackknife(found.sum(1), _itself)


def blocks_of(
    operator: SymmetricOperator,
    sizes: Mapping[str, int],
    approximations: Mapping[str, Mapping[str, BlockApproximation]],
    *,
    groups: int = 8,
    seed: int = 0,
) -> Blocks:
    """Every diagonal block of F = B B^T against its approximations, and all of them against F (kind 2 above).

    Args:
        operator: F, with a factor.
        sizes: of the parts of its vectors, by name, in their order.
        approximations: of some of these parts, by name, and there by kind.
        groups: of four draws each; two or more.
        seed: of the draws.

    Raises:
        ConfigError: fewer than two groups, an operator without a factor, or sizes that do not add up to F's.
    """
    _check(operator, sizes)
    sums: dict[str, list[Tensor]] = {name: [] for name in sizes}
    wholes = []
    draws = draws_of(operator, groups * _GROUP, seed=seed)
    drawn = torch.empty(_GROUP, operator.n, dtype=operator.dtype, device=operator.device)
    for _ in track(range(groups), "blocks"):
        for row in drawn:
            row.copy_(next(draws))
        grams: dict[str, Tensor] = {}
        for name, part in zip(sizes, drawn.split(list(sizes.values()), dim=1)):
            grams[name] = _gram(part)
            inner = [_mean_form(K, part) for K in approximations.get(name, {}).values()]
            sums[name].append(torch.stack([*_moments(grams[name]), *inner]).cpu())
        of_all = torch.stack(list(grams.values()))
        squares = torch.stack([_moments(gram)[1] for gram in of_all]).sum()
        wholes.append(torch.stack([*_moments(of_all.sum(0)), squares]).cpu())
    whole = torch.stack(wholes)
    return Blocks(
        blocks={name: _block(torch.stack(rows), approximations.get(name, {})) for name, rows in sums.items()},
        trace=jackknife(whole[:, 0], _itself),
        frobenius_norm=jackknife(whole[:, 1], _itself).root(),
        block_diagonal_error=jackknife(whole, lambda mean: 1 - mean[2] / mean[1]).root(),
    )


def compare(K: SymmetricOperator, F: SymmetricOperator, *, probes: int = 16, seed: int = 0) -> Agreement:
    """How near one operator is to another, from products of both with the same Rademacher probes.

    E||(K - F) z||^2 = ||K - F||_F^2, and likewise the rest; each figure is a ratio of such means. Made for one block:
    nothing is drawn in pairs, at the price of two products a probe.

    Args:
        K: the approximation.
        F: what it stands for.
        probes: two or more.
        seed: of the probes.

    Raises:
        ConfigError: fewer than two probes, or operators of different sizes.
    """
    if K.n != F.n:
        raise ConfigError(explain("comparing operators", expected="one size", got=f"{K.n} and {F.n}"))
    rows = []
    for i in range(probes):
        z = signs(F, seed, i)
        Kz, Fz, z = (K @ z).double(), (F @ z).double(), z.double()
        rows.append(torch.stack([(Kz - Fz).square().sum(), Kz @ Kz, Fz @ Fz, Kz @ Fz, z @ Kz, z @ Fz]).cpu())
    found = torch.stack(rows)
    return Agreement(
        error=jackknife(found, lambda mean: mean[0] / mean[2]).root(),
        trace_ratio=jackknife(found, lambda mean: mean[4] / mean[5]),
        cosine=jackknife(found, lambda mean: mean[3] / (mean[1] * mean[2]).sqrt()),
    )


def draws_of(operator: SymmetricOperator, count: int, *, seed: int = 0) -> Iterator[Float[Tensor, " n"]]:
    """Vectors g = B u of second moment F = B B^T, with u of random signs.

    Raises:
        ConfigError: an operator without a factor.
    """
    B = operator.factor
    if B is None:
        do = "use the Gauss-Newton matrix of a loss with a known root"
        raise ConfigError(explain(f"draws of the {operator.name}", expected="F = B B^T", got="no factor", do=do))
    generator = seeded(seed, operator.device)
    for _ in range(count):
        u = torch.empty(B.r, dtype=operator.dtype, device=operator.device)
        yield B.product(u.bernoulli_(0.5, generator=generator).mul_(2).sub_(1))


def _gram(rows: Float[Tensor, "g n"]) -> Float64[Tensor, "g g"]:
    """All inner products; chunks are added up in float64, as float32 loses digits over millions of numbers."""
    return torch.stack([(chunk @ chunk.mT).double() for chunk in rows.split(_CHUNK, dim=1)]).sum(0)


def _moments(gram: Float64[Tensor, "g g"]) -> tuple[Float64[Tensor, ""], Float64[Tensor, ""]]:
    """Of a group's inner products: the mean of those with themselves, and of the squares of those in pairs."""
    g = len(gram)
    own = gram.diagonal()
    return own.mean(), (gram.square().sum() - own.square().sum()) / (g * (g - 1))


def _mean_form(K: SymmetricOperator, drawn: Float[Tensor, "g mn"]) -> Float64[Tensor, ""]:
    """The mean of g . K g."""
    return torch.stack([(g * (K @ g)).sum(dtype=torch.float64) for g in drawn]).mean()


def _block(rows: Float64[Tensor, "J q"], approximations: Mapping[str, BlockApproximation]) -> CurvatureBlock:
    """Rows of trace, squared norm, and the inner product with each approximation."""
    return CurvatureBlock(
        trace=jackknife(rows[:, 0], _itself),
        frobenius_norm=jackknife(rows[:, 1], _itself).root(),
        agreements={
            kind: _agreement(rows[:, [0, 1, 2 + i]], K.trace(), K.frobenius_norm())
            for i, (kind, K) in enumerate(approximations.items())
        },
    )


def _agreement(rows: Float64[Tensor, "J 3"], trace: float, norm: float) -> Agreement:
    def over(of: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Estimate:
        return jackknife(rows, lambda mean: of(mean[0], mean[1], mean[2]))

    return Agreement(
        error=over(lambda tr, square, inner: (norm**2 - 2 * inner + square) / square).root(),
        trace_ratio=over(lambda tr, square, inner: trace / tr),
        cosine=over(lambda tr, square, inner: inner / (norm * square.sqrt())),
    )


def _itself(mean: Tensor) -> Tensor:
    return mean


def _check(operator: SymmetricOperator, sizes: Mapping[str, int]) -> None:
    if sum(sizes.values()) != operator.n:
        got = math.fsum(sizes.values())
        raise ConfigError(explain("blocks", expected=f"sizes that add up to {operator.n}", got=int(got)))
