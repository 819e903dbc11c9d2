"""Whether a word's vectors fall into groups: Ward's tree, its silhouette, and what a cloud without groups gives."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from scipy.cluster.hierarchy import fcluster, linkage
from torch import Tensor

from eigenlm.analysis.senses.separation import one_hot, silhouettes
from eigenlm.linalg.seeded import seeded
from eigenlm.linalg.similarity import unit_rows
from eigenlm.progress import track

FEWEST = 6
"""Vectors that are divided, at least."""

_MOST_GROUPS, _FEWEST_EACH = 6, 2
_CLOUDS = 199  # with the given one 200: the smallest p is 0.005
_LEVEL = 0.05


@dataclass(frozen=True, kw_only=True)
class SenseGroup:
    """Some occurrences that lie together.

    Attributes:
        count: how many.
        nearest: other words of the sentences whose vectors point most nearly the same way as the group's mean, with
            their cosines; what all vectors of the layer share is taken off first.
    """

    count: int
    nearest: tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class SenseGroups:
    """The groups that the occurrences of a word fall into, as far as they do.

    Attributes:
        layer: after which the vectors were taken.
        groups: the largest first; one of all where no grouping stands out.
        silhouette: of the best cut of the tree into 2 to 6 groups, from -1 to 1; None for too few occurrences.
        p: share of clouds without groups, of the same size, mean and covariance, whose best cut is at least as good.
        is_clear: whether p is below 0.05; else no groups are claimed.
    """

    layer: str
    groups: tuple[SenseGroup, ...]
    silhouette: float | None
    p: float | None
    is_clear: bool


@dataclass(frozen=True)
class Cut:
    """A division of vectors into groups.

    Attributes:
        labels: 0 for the largest group, and so on.
        silhouette: its mean silhouette by cosine distance.
    """

    labels: Int[Tensor, " C"]
    silhouette: float


@dataclass(frozen=True)
class Grouping:
    """The best division of vectors, and what to think of it.

    Attributes:
        labels: the group of each vector, 0 for the largest; all 0 where the division is not clear.
        silhouette: as of `SenseGroups`, and so the others.
    """

    labels: Int[Tensor, " C"]
    silhouette: float | None
    p: float | None
    is_clear: bool


def grouping(X: Float[Tensor, "C D"], *, seed: int) -> Grouping:
    """Cut Ward's tree where the silhouette is best, and ask how good that would be if there were no groups.

    Ward's criterion on rows of length 1 is one of cosines, |u - v|^2 = 2 (1 - cos). Any cloud can be cut, and the best
    of several cuts looks good; so 199 clouds are drawn from one Gaussian with the mean and covariance of X, where there
    are no groups, and cut likewise (the test of SigClust, Liu and others 2008, with the silhouette as its statistic).

    Args:
        X: vectors, what all of them share taken off.
        seed: seed of the generator that draws the clouds.
    """
    C = len(X)
    X = X.double()
    best = best_cut(X) if C >= FEWEST else None
    if best is None:
        return Grouping(torch.zeros(C, dtype=torch.int64), None, None, False)
    generator, mean = seeded(seed), X.mean(0)
    spread = (X - mean) / (C - 1) ** 0.5
    reached = 1
    for _ in track(range(_CLOUDS), "clouds"):
        noise = torch.randn(C, C, generator=generator, dtype=torch.float64)
        cut = best_cut(mean + noise @ spread)
        reached += cut is not None and cut.silhouette >= best.silhouette
    p = reached / (_CLOUDS + 1)
    labels = best.labels if p < _LEVEL else torch.zeros_like(best.labels)
    return Grouping(labels, best.silhouette, p, p < _LEVEL)


def best_cut(X: Float64[Tensor, "C D"]) -> Cut | None:
    """The cut of Ward's tree into 2 to 6 groups of two or more with the best silhouette; None where there is none."""
    rows = unit_rows(X)
    cosines = (rows @ rows.mT).clamp(-1, 1)
    tree = linkage(rows.numpy(), method="ward")
    best: Cut | None = None
    for count in range(2, min(_MOST_GROUPS, len(X) // _FEWEST_EACH) + 1):
        labels = _by_size(fcluster(tree, count, criterion="maxclust"))
        if int(labels.max()) == count - 1 and int(labels.bincount().min()) >= _FEWEST_EACH:
            silhouette = float(silhouettes(cosines, one_hot(labels[None])))
            if best is None or silhouette > best.silhouette:
                best = Cut(labels, silhouette)
    return best


def _by_size(labels: np.ndarray) -> Int[Tensor, " C"]:
    """Labels 0, 1, ... by the size of their groups, the largest first; of two as large, the one that comes first."""
    names, first, inverse, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = sorted(range(len(names)), key=lambda i: (-counts[i], first[i]))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return torch.from_numpy(rank[inverse])
