"""Which singular values noise could have made: the Marchenko-Pastur bulk, and the same numbers in random order."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.linalg.by_blocks import MANY_NUMBERS, ByBlocks
from eigenlm.linalg.decomposition import largest_entry
from eigenlm.linalg.gram import add_gram_
from eigenlm.linalg.marchenko_pastur import FEWEST_VALUES, MarchenkoPastur, fit_marchenko_pastur
from eigenlm.linalg.seeded import seeded
from eigenlm.linalg.spectrum import energy_kept, numerical_rank, relative

_BLOCK_NUMBERS = 1 << 20
# Of a part of a large matrix. One permutation of all of its numbers would take as much memory as they do, and would
# miss the processor's cache at every number.
_PART_NUMBERS = 1 << 23
# How many times its median the null's largest singular value may be for a Gram matrix in float32; that of square noise
# is 2.5. Its eigenvalues are then exact to n 2^-24 10^2 of the median's at worst, and to far less usually.
_MOST_SPREAD = 10
_NULL_ERROR = 1e-6


@dataclass(frozen=True, kw_only=True)
class Noise:
    """A matrix beside noise of its own size; None where no number exists.

    The bulk is the Marchenko-Pastur law with the spectrum's median: there is none for fewer than eight singular values,
    or if half of them are zero (what rounding to float32 can make counts as zero). A spike is a singular value above
    `largest_noise`. The null is the matrix with its own entries in random order: what only the arrangement of the
    numbers says is gone, what their sizes say stays.

    Attributes:
        noise_std: standard deviation of an entry of the bulk.
        sigma_minus: lower edge of the bulk.
        sigma_plus: upper edge of the bulk.
        tracy_widom_scale: by how much the largest singular value of noise strays from its edge.
        largest_noise: what the largest singular value of noise exceeds in one matrix of a hundred.
        bulk_distance: largest gap between the share of the bulk below a singular value and what the law says, 0 to 1.
        num_spikes: singular values above `largest_noise`; those that are not zero if half of them are.
        spike_energy: share of ||W||_F^2 in the spikes.
        null_spectral_norm: sigma_1 of the null.
        num_above_null: singular values of W above it.
        num_null_spikes: spikes of the null, by its own bulk: what sizes of entries alone explain (heavy tails, a mean).
        rand_distance: Jensen-Shannon distance between both sorted lists of sigma^2, each divided by its sum, in natural
            logarithms: 0 for the same, at most sqrt(ln 2) = 0.83.
    """

    noise_std: float | None = None
    sigma_minus: float | None = None
    sigma_plus: float | None = None
    tracy_widom_scale: float | None = None
    largest_noise: float | None = None
    bulk_distance: float | None = None
    num_spikes: int | None
    spike_energy: float | None
    null_spectral_norm: float
    num_above_null: int
    num_null_spikes: int | None
    rand_distance: float | None


def noise(W: Float[Tensor, "m n"] | ByBlocks, S: Float64[Tensor, " r"], *, seed: int = 0) -> Noise:
    """How much of a spectrum noise explains.

    Args:
        W: the matrix.
        S: all its singular values, descending.
        seed: seed of the random order of the null's entries, which depends on it and on m n alone.

    Raises:
        ShapeError: S is not the spectrum of a matrix of W's size.
    """
    m, n = W.shape
    null = _without_rounding(shuffled_singular_values(W, seed=seed, bound=S[0].item()))
    S = _without_rounding(S)
    bulk = fit_marchenko_pastur(S, m, n)
    spikes = _num_spikes(S, bulk)
    return Noise(
        **({} if bulk is None else _bulk_figures(bulk, S[spikes:])),
        num_spikes=spikes,
        spike_energy=energy_kept(S, spikes).item() if spikes is not None and S[0] > 0 else None,
        null_spectral_norm=null[0].item(),
        num_above_null=int((S / (1 + _NULL_ERROR)).gt(null[0]).sum()),
        num_null_spikes=_num_spikes(null, fit_marchenko_pastur(null, m, n)),
        rand_distance=rand_distance(S, null),
    )


def shuffled_singular_values(
    W: Float[Tensor, "m n"] | ByBlocks, *, seed: int, bound: float | None = None
) -> Float64[Tensor, " r"]:
    """The singular values of W with its entries in random order, descending; their squares to about 1e-6 sigma_1^2.

    The order is `torch.randperm` of m n numbers; of more than 2^25, of each of k parts of about 2^23 numbers that have
    one distribution but for sampling: every k-th row, or of a wide matrix a k-th of every row. The shuffled
    matrix is never held, only its Gram matrix, block by block. That is float32 as long as no spike would bury the other
    eigenvalues in its rounding, and float64 then.

    Args:
        W: the matrix.
        seed: seed of the order.
        bound: what no entry exceeds by far, such as the largest singular value; None if it is not known.
    """
    r = min(W.shape)
    scale = (largest_entry(W) if bound is None else bound) or 1.0
    for dtype in (torch.float32, torch.float64):
        S = _shuffled(W, scale, dtype, seeded(seed))
        if S[0] <= _MOST_SPREAD * S[r // 2]:
            break
    return S


def rand_distance(S: Float64[Tensor, " r"], null: Float64[Tensor, " r"]) -> float | None:
    """sqrt((KL(p || (p + q) / 2) + KL(q || (p + q) / 2)) / 2) of p = S^2 / sum and q = null^2 / sum; None for zeros."""
    if S[0] == 0:
        return None
    p, q = (energy / energy.sum() for energy in (relative(S).square(), relative(null).square()))
    middle = (p + q) / 2
    divergence = (torch.xlogy(p, p) + torch.xlogy(q, q)).sum() / 2 - torch.xlogy(middle, middle).sum()
    return divergence.clamp_min(0).sqrt().item()


def _shuffled(W: Tensor | ByBlocks, scale: float, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    r = min(W.shape)
    gram = torch.zeros(r, r, dtype=dtype, device=W[:0].device)
    for numbers in _parts(W):
        wide = torch.promote_types(numbers.dtype, dtype)  # scaling may neither round half types nor overflow float32
        order = torch.randperm(len(numbers), generator=generator, dtype=torch.int32)
        for block in order.split(max(1, _BLOCK_NUMBERS // r) * r):
            X = numbers.index_select(0, block.to(numbers.device)).to(wide).div_(scale).to(dtype).view(-1, r)
            add_gram_(gram, X)
    return torch.linalg.eigvalsh(gram).double().clamp_min(0).sqrt().flip(-1).cpu() * scale


def _parts(W: Tensor | ByBlocks) -> Iterator[Tensor]:
    """The numbers of a matrix, all at once or in k parts, each with every k-th row, or with a k-th of every row."""
    m, n = W.shape
    if m * n <= MANY_NUMBERS:
        yield W[:].detach().flatten()
        return
    k = min(math.ceil(m * n / _PART_NUMBERS), max(m, n))
    if m >= n:
        yield from (W[part::k].detach().flatten() for part in range(k))
        return
    width = n // k
    for part in range(k):  # the rows take turns at the stretches of columns, which may differ
        starts = [(row + part) % k * width for row in range(min(k, m))]
        turns = [W[row::k, start : start + width].detach().flatten() for row, start in enumerate(starts)]
        yield torch.cat(turns)
    yield W[:, k * width :].detach().flatten()


def _num_spikes(S: Tensor, bulk: MarchenkoPastur | None) -> int | None:
    if len(S) < FEWEST_VALUES:
        return None
    return int(S.gt(0.0 if bulk is None else bulk.largest_noise).sum())


def _bulk_figures(bulk: MarchenkoPastur, below: Tensor) -> dict[str, float]:
    """The law, and how well the singular values that are no spikes follow it."""
    return {
        "noise_std": bulk.std,
        "sigma_minus": bulk.sigma_minus,
        "sigma_plus": bulk.sigma_plus,
        "tracy_widom_scale": bulk.tracy_widom_scale,
        "largest_noise": bulk.largest_noise,
        "bulk_distance": _distance(below, bulk),
    }


def _distance(S: Tensor, bulk: MarchenkoPastur) -> float:
    """Kolmogorov and Smirnov's: the largest |share of S below x - cdf(x)|, just before and just after each x."""
    steps = torch.arange(len(S) + 1, dtype=torch.float64) / len(S)
    cdf = bulk.cdf(S.flip(-1))
    return torch.maximum(cdf - steps[:-1], steps[1:] - cdf).max().item()


def _without_rounding(S: Tensor) -> Tensor:
    """Zero in place of what rounding the entries to float32 could have made."""
    return torch.where(torch.arange(len(S)) < numerical_rank(S), S, 0.0)
