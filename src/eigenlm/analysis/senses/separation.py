"""How far apart the senses of a word lie: statistics of the cosines between its vectors, with intervals and a p."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float64, Int
from torch import Tensor

from eigenlm.analysis.senses.relabelling import Relabellings, resamples
from eigenlm.estimate import Estimate
from eigenlm.linalg.bootstrap import percentile_interval

_RESAMPLES = 2000
_BLOCK = 500
# Distances below it are rounding of float32 activations: vectors that are equal, as those of a word before any layer
# has looked at its neighbours.
_EQUAL = 1e-6


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How the vectors of a word lie in one layer; intervals are over sentences.

    Attributes:
        within: mean cosine of two sentences of one sense, averaged over the senses.
        between: mean cosine of two sentences of different senses, averaged over the pairs of senses.
        separation: within - between.
        silhouette: the mean of (b - a) / max(a, b), from -1 to 1; a is a vector's mean distance, 1 - cosine, from the
            others of its sense, b from those of the nearest other sense.
        accuracy: share of sentences whose vector is nearest, by cosine, to the mean of the others of its own sense;
            one that is as near to k means counts 1 / k.
        z: separation, in standard deviations above its mean over relabelled sentences; 0 if all vectors are equal.
        p: share of relabellings that separate at least as well.
        p_adjusted: the same, where each relabelling counts with the layer in which it does best: it holds for every
            layer at once, and so for the best one.
    """

    within: Estimate
    between: Estimate
    separation: Estimate
    silhouette: Estimate
    accuracy: float
    z: float
    p: float
    p_adjusted: float


def separations(
    cosines: Sequence[Float64[Tensor, "C C"]], labels: Int[Tensor, " C"], shuffled: Relabellings, *, seed: int
) -> list[Separation]:
    """The separation of each layer; the layers are resampled and relabelled together.

    Intervals are percentiles of the bootstrap over sentences within each sense, at the expanded level
    Phi(-sqrt(n / (n - 1)) t_(n-1)(97.5 %)), n the sentences of the smallest sense, which makes up for the bootstrap
    being too narrow in small samples (arXiv:1411.5279). A pair of two copies of one sentence never counts. Simulated
    with 6 to 16 sentences a sense, they cover 93 to 98 % for the mean cosines and 97 to 100 % for the other two.
    p_adjusted is the single-step maxT of Westfall and Young (1993) on the z.

    Args:
        cosines: the cosine of every pair of sentences, for each layer.
        labels: the sense of each sentence, 0, 1, ...
        shuffled: what the labels are held against.
        seed: seed of the generator for the bootstrap.
    """
    given = one_hot(labels[None])
    drawn = resamples(labels, count=_RESAMPLES, seed=seed)
    smallest = int(labels.bincount().min())
    gaps = torch.stack([_gap(C, given)[0] for C in cosines])
    chance = [torch.cat([_gap(C, one_hot(part)) for part in shuffled.labels.split(_BLOCK)]) for C in cosines]
    z, z_chance = _standardised(gaps, torch.stack(chance))
    best = z_chance.amax(dim=0)
    found = []
    for i, C in enumerate(cosines):
        reached = z[i] - 1e-9  # arrangements that only rounding tells from the given one count
        draws = zip(*(_figures(C, part) for part in drawn.split(_BLOCK)))
        within, between, separation, silhouette = (
            percentile_interval(float(value), torch.cat(parts), smallest)
            for value, parts in zip(_figures(C, given), draws)
        )
        found.append(
            Separation(
                within=within,
                between=between,
                separation=separation,
                silhouette=silhouette,
                accuracy=accuracy(C, labels),
                z=float(z[i]),
                p=float((z_chance[i] >= reached).double().mean()),
                p_adjusted=float((best >= reached).double().mean()),
            )
        )
    return found


def one_hot(labels: Int[Tensor, "P C"]) -> Float64[Tensor, "P k C"]:
    """1 where a sentence has a sense, 0 elsewhere."""
    return F.one_hot(labels).mT.double()


def pair_means(
    cosines: Float64[Tensor, "C C"], weights: Float64[Tensor, "P k C"]
) -> tuple[Float64[Tensor, " P"], Float64[Tensor, " P"]]:
    """Mean cosine within and between senses, for sentences that each occur so many times in a sense.

    within = mean over senses s of sum_{i != j} w_si w_sj c_ij / sum_{i != j} w_si w_sj, a U-statistic: no sentence is
    paired with itself. NaN where a sense holds copies of one sentence only.
    """
    sums = weights @ cosines @ weights.mT
    sizes = weights.sum(-1)
    squares = weights.square()
    own = squares @ cosines.diagonal()
    pairs = sizes.square() - squares.sum(-1)
    within = (sums.diagonal(dim1=-2, dim2=-1) - own) / torch.where(pairs > 0, pairs, torch.nan)
    s, other = torch.triu_indices(weights.shape[1], weights.shape[1], offset=1)
    between = sums[:, s, other] / (sizes[:, s] * sizes[:, other])
    return within.mean(-1), between.mean(-1)


def silhouettes(cosines: Float64[Tensor, "C C"], weights: Float64[Tensor, "P k C"]) -> Float64[Tensor, " P"]:
    """The mean silhouette (Rousseeuw 1987) by cosine distance, for sentences that each occur so many times."""
    distances = 1 - cosines
    distances = torch.where(distances > _EQUAL, distances, 0.0)
    # A sentence's own copies are not among the others of its sense.
    mean_PkC = weights @ distances / (weights.sum(-1, keepdim=True) - weights)
    own = weights.sum(0) > 0
    a = torch.where(own, mean_PkC, 0.0).sum(1)
    b = torch.where(own, torch.inf, mean_PkC).amin(1)
    s = (b - a) / torch.maximum(a, b)
    s = torch.where(torch.maximum(a, b) == 0, 0.0, s)
    counts = weights.sum(1)
    return torch.where(counts > 0, s * counts, 0.0).sum(-1) / counts.sum(-1)


def accuracy(cosines: Float64[Tensor, "C C"], labels: Int[Tensor, " C"]) -> float:
    """Nearest centroid, leave one out: the centroid of a sentence's own sense is made without it; a tie is a guess.

    With unit vectors u, cos(u_i, sum of u_j) = sum of c_ij / sqrt(sum of c_jk): the cosines suffice.
    """
    member = one_hot(labels[None])[0]
    toward = member @ cosines
    norms = (toward * member).sum(-1, keepdim=True)
    itself = cosines.diagonal()
    toward_others = torch.where(member > 0, toward - itself, toward)
    norms_others = torch.where(member > 0, norms - 2 * toward + itself, norms)
    likeness = toward_others / norms_others.clamp_min(_EQUAL**2).sqrt()
    nearest = (likeness >= likeness.amax(0) - _EQUAL).double()
    return float((nearest * member / nearest.sum(0)).sum(0).mean())


def _gap(C: Tensor, weights: Tensor) -> Tensor:
    within, between = pair_means(C, weights)
    return within - between


def _figures(C: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    within, between = pair_means(C, weights)
    return within, between, within - between, silhouettes(C, weights)


def _standardised(gaps: Tensor, chance: Tensor) -> tuple[Tensor, Tensor]:
    """Both in standard deviations above the mean of chance, layer by layer; 0 where nothing varies."""
    mean, spread = chance.mean(dim=1, keepdim=True), chance.std(dim=1, correction=0, keepdim=True)
    spread = torch.where(spread > _EQUAL, spread, torch.inf)
    return ((gaps[:, None] - mean) / spread)[:, 0], (chance - mean) / spread
