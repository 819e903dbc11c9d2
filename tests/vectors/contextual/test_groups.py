"""Groups of a word's vectors: found where they were made, and rarely claimed of a cloud that has none."""

import pytest
import torch

from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.contextual.groups import best_cut, contrast, grouping


def cloud(sizes: list[int], gap: float, seed: int, D: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors of groups that lie `gap` apart from what all have in common, each its own way, and the groups of all."""
    labels = torch.tensor([group for group, size in enumerate(sizes) for _ in range(size)])
    X = torch.randn(len(labels), D, generator=torch.Generator().manual_seed(seed))
    X[torch.arange(len(labels)), labels] += gap
    X[:, -1] += 6
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    return X[order], labels[order]


def silhouette(X: torch.Tensor, labels: list[int]) -> float:
    """Rousseeuw's, vector by vector."""
    rows = unit_rows(X.double())
    away = (1 - rows @ rows.mT).tolist()
    scores = []
    for i, own in enumerate(labels):
        means = {}
        for group in set(labels):
            members = [j for j, other in enumerate(labels) if other == group and j != i]
            means[group] = sum(away[i][j] for j in members) / len(members)
        a, b = means.pop(own), min(means.values())
        scores.append((b - a) / max(a, b))
    return sum(scores) / len(scores)


@pytest.mark.parametrize("sizes", [[14, 9], [12, 10, 7]])
def test_groups_are_found_where_they_are(sizes):
    X, labels = cloud(sizes, 6.0, seed=1)
    found = grouping(X, seed=0)
    assert torch.equal(found.labels, labels)  # both by size, the largest first
    assert found.is_clear
    assert found.p == 1 / 200
    assert found.silhouette == pytest.approx(silhouette(X, labels.tolist()), abs=1e-12)


def test_the_cut_is_the_best_of_all_that_are_tried():
    X, _ = cloud([12, 10, 7], 3.0, seed=2)
    best = best_cut(X.double())
    assert best is not None
    assert best.silhouette == pytest.approx(silhouette(X, best.labels.tolist()), abs=1e-12)
    assert best.labels.bincount().min() >= 2


def test_contrast_of_two_groups_is_their_distance_in_standard_deviations():
    X, labels = cloud([9, 9], 2.0, seed=3)
    X = X.double()
    a, b = X[labels == 0], X[labels == 1]
    line = (a.mean(0) - b.mean(0)) / torch.linalg.vector_norm(a.mean(0) - b.mean(0))
    within = torch.cat([a - a.mean(0), b - b.mean(0)]) @ line
    distance = float((a.mean(0) - b.mean(0)) @ line)
    assert contrast(X, labels) == pytest.approx(distance**2 / 4 / float(within.square().mean()))


def test_a_cloud_without_groups_is_rarely_divided():
    # p <= 0.05 comes in 1 of 20; three of eight would come once in 170 times.
    stretched = torch.linspace(0.2, 3, 12)
    clear = [grouping(cloud([20], 0.0, seed=seed)[0] * stretched, seed=seed).is_clear for seed in range(8)]
    assert sum(clear) <= 2


def test_few_vectors_and_equal_ones_are_not_divided():
    few = grouping(cloud([5], 0.0, seed=0)[0], seed=0)
    assert (few.silhouette, few.p, few.is_clear, int(few.labels.max())) == (None, None, False, 0)
    equal = grouping(torch.ones(10, 4), seed=0)
    assert not equal.is_clear
