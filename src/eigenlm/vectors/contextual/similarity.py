"""How alike a word's vectors stay from one sentence to the next, beside words taken at random: arXiv:1909.00512."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.linalg.seeded import seeded
from eigenlm.linalg.similarity import unit_rows

_DRAWS = 20  # of random words, as many as there are occurrences, of which the mean is taken


@dataclass(frozen=True, kw_only=True)
class LayerSimilarity:
    """One layer; None where there is nothing to compare.

    Attributes:
        name: `embedding`, or that of the block after which the vectors were taken.
        mean: cosine of two occurrences of the word, the mean over all pairs: its self-similarity.
        lowest: the smallest of these cosines.
        highest: the largest.
        baseline: mean cosine of two other words, each from any of the sentences: how much all vectors share.
        adjusted: mean - baseline; near 0, the word is no more like itself than like any other.
        explained: maximum explainable variance: the part of the occurrences' squared length along their first singular
            vector, which bounds how well one vector can stand for all.
        explained_baseline: the same of as many other words, the mean of twenty draws.
        with_static: mean cosine with the word's vector in the table of the embedding.
    """

    name: str
    mean: float | None
    lowest: float | None
    highest: float | None
    baseline: float | None
    adjusted: float | None
    explained: float | None
    explained_baseline: float | None
    with_static: float | None


def layer_similarity(
    name: str,
    X: Float[Tensor, "C D"],
    others: Float[Tensor, "W D"],
    static: Float[Tensor, "C D"] | None,
    *,
    seed: int,
) -> LayerSimilarity:
    """SelfSim = sum_{i != j} cos(x_i, x_j) / (C (C - 1)) and MEV = sigma_1^2 / sum_i sigma_i^2 of X, with baselines.

    Source: Ethayarajh, arXiv:1909.00512, definitions 1 and 3 and section 3.4.

    Args:
        name: of the layer.
        X: the occurrences' vectors.
        others: vectors of other words at random.
        static: the occurrences' vectors in the table of the embedding.
        seed: seed of the generator that draws other words for MEV's baseline.
    """
    pairs, chance = _pairs(X), _pairs(others)
    mean, baseline = _mean(pairs), _mean(chance)
    return LayerSimilarity(
        name=name,
        mean=mean,
        lowest=float(pairs.min()) if len(pairs) else None,
        highest=float(pairs.max()) if len(pairs) else None,
        baseline=baseline,
        adjusted=None if mean is None or baseline is None else mean - baseline,
        explained=explained_variance(X) if len(X) > 1 else None,
        explained_baseline=_explained_by_chance(others, len(X), seed) if 1 < len(X) <= len(others) else None,
        with_static=None if static is None else float((unit_rows(X) * unit_rows(static)).sum(1).mean()),
    )


def explained_variance(X: Float[Tensor, "C D"]) -> float:
    """sigma_1^2 / ||X||_F^2 of the matrix of vectors, not centred; 0 for the zero matrix."""
    X = X.double()
    gram = X @ X.mT if len(X) <= X.shape[1] else X.mT @ X
    return float(torch.linalg.eigvalsh(gram)[-1] / gram.trace()) if bool(gram.trace() > 0) else 0.0


def _pairs(X: Float[Tensor, "C D"]) -> Float64[Tensor, " p"]:
    """The cosine of every two rows."""
    rows = unit_rows(X.double())
    i, j = torch.triu_indices(len(X), len(X), offset=1)
    return (rows @ rows.mT)[i, j].clamp(-1, 1)


def _mean(cosines: Float64[Tensor, " p"]) -> float | None:
    return float(cosines.mean()) if len(cosines) else None


def _explained_by_chance(others: Float[Tensor, "W D"], count: int, seed: int) -> float:
    generator = seeded(seed)
    draws = [torch.randperm(len(others), generator=generator)[:count] for _ in range(_DRAWS)]
    return sum(explained_variance(others[drawn]) for drawn in draws) / _DRAWS
