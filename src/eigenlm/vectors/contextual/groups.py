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
_LEVEL, _POOR = (
    0.05,
    0.25,
)  # of p; of a silhouette, below which there is no structure to speak of (Kaufman and Rousseeuw)


@dataclass(frozen=True, kw_only=True)
class SenseGroup:
    """Some occurrences that lie together.

    Attributes:
        count: how many.
        nearest: other words of the sentences whose vectors, less what all words share, point most nearly from the mean
            of all occurrences to that of the group, with their cosines; from the mean of all words where there is one
            group.
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
        p: share of clouds without groups, of the same size, mean and covariance, whose cut into as many groups parts
            them at least as well.
        is_clear: whether the silhouette is at least 0.25 and p below 0.05; else no groups are claimed.
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
    """Cut Ward's tree where the silhouette is best, and ask how well the cut would part a cloud that has no groups.

    Ward's criterion on rows of length 1 is one of cosines, |u - v|^2 = 2 (1 - cos). Any cloud can be cut in two; so 199
    are drawn from one Gaussian with the mean and covariance of X, which has no groups, and cut likewise, as SigClust
    does (Liu and others 2008). They are held against X by `contrast`, which looks along the directions of the cut
    alone; the silhouette also counts all others, in which groups do not differ.

    Args:
        X: vectors, what those of all words share taken off.
        seed: seed of the generator that draws the clouds.
    """
    C = len(X)
    X = X.double()
    best = best_cut(X) if C >= FEWEST else None
    if best is None:
        return Grouping(torch.zeros(C, dtype=torch.int64), None, None, False)
    generator, mean = seeded(seed), X.mean(0)
    spread = (X - mean) / (C - 1) ** 0.5
    given, reached = contrast(unit_rows(X), best.labels), 1
    for _ in track(range(_CLOUDS), "clouds"):
        noise = torch.randn(C, C, generator=generator, dtype=torch.float64)
        rows = unit_rows(mean + noise @ spread)
        reached += contrast(rows, _cut(ward(rows), int(best.labels.max()) + 1)) >= given
    p = reached / (_CLOUDS + 1)
    is_clear = p < _LEVEL and best.silhouette >= _POOR
    labels = best.labels if is_clear else torch.zeros_like(best.labels)
    return Grouping(labels, best.silhouette, p, is_clear)


def contrast(rows: Float64[Tensor, "C D"], labels: Int[Tensor, " C"]) -> float:
    """sum_i |m_g(i) - m|^2 / sum_i |Q^T (x_i - m_g(i))|^2, m_g the means of groups and Q a basis of their span about m.

    For two groups, the squared distance of their means in standard deviations along the line through both, up to a
    factor. Infinite where nothing varies along Q.
    """
    member = one_hot(labels[None])[0]
    means = (member @ rows) / member.sum(1, keepdim=True)
    apart = (means - rows.mean(0))[labels]
    _, S, Vh = torch.linalg.svd(apart, full_matrices=False)
    basis = Vh[S[0] * 1e-9 < S].mT  # rows repeat k means about their own: the other singular values are rounding
    within = ((rows - means[labels]) @ basis).square().sum()
    return float(apart.square().sum() / within)


def best_cut(X: Float64[Tensor, "C D"]) -> Cut | None:
    """The cut of Ward's tree into 2 to 6 groups of two or more with the best silhouette; None where there is none."""
    rows = unit_rows(X)
    cosines = (rows @ rows.mT).clamp(-1, 1)
    tree = ward(rows)
    best: Cut | None = None
    for count in range(2, min(_MOST_GROUPS, len(X) // _FEWEST_EACH) + 1):
        labels = _cut(tree, count)
        if int(labels.max()) == count - 1 and int(labels.bincount().min()) >= _FEWEST_EACH:
            silhouette = float(silhouettes(cosines, one_hot(labels[None])))
            if best is None or silhouette > best.silhouette:
                best = Cut(labels, silhouette)
    return best


def ward(rows: Float64[Tensor, "C D"]) -> np.ndarray:
    """Ward's tree, as SciPy writes it."""
    return linkage(rows.numpy(), method="ward")


def _cut(tree: np.ndarray, count: int) -> Int[Tensor, " C"]:
    return _by_size(fcluster(tree, count, criterion="maxclust"))


def _by_size(labels: np.ndarray) -> Int[Tensor, " C"]:
    """Labels 0, 1, ... by the size of their groups, the largest first; of two as large, the one that comes first."""
    names, first, inverse, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = sorted(range(len(names)), key=lambda i: (-counts[i], first[i]))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return torch.from_numpy(rank[inverse])
