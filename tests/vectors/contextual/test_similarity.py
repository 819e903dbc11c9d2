"""Self-similarity and explainable variance against loops and NumPy's SVD; points that turn with their layer."""

import numpy as np
import pytest
import torch

from eigenlm.vectors.contextual.planes import planes
from eigenlm.vectors.contextual.similarity import explained_variance, layer_similarity


def random(*sizes: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(seed))


def naive_cosines(X: np.ndarray) -> list[float]:
    rows = [row / np.sqrt((row * row).sum()) for row in X.astype(np.float64)]
    return [float((rows[i] * rows[j]).sum()) for i in range(len(rows)) for j in range(i)]


def test_similarities_are_means_over_pairs():
    X, others, static = random(5, 8) + 1, random(30, 8, seed=1) + 1, random(5, 8, seed=2)
    found = layer_similarity("blocks.0", X, others, static, seed=0)
    pairs, chance = naive_cosines(X.numpy()), naive_cosines(others.numpy())
    assert found.mean == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)
    assert (found.lowest, found.highest) == pytest.approx((min(pairs), max(pairs)), abs=1e-12)
    assert found.baseline == pytest.approx(sum(chance) / len(chance), abs=1e-12)
    assert found.adjusted == pytest.approx(found.mean - found.baseline)
    cosines = torch.cosine_similarity(X.double(), static.double())
    assert found.with_static == pytest.approx(float(cosines.mean()), abs=1e-6)  # in float32


def test_explained_variance_is_the_first_of_the_squared_singular_values():
    for shape in ((6, 9), (9, 6)):
        X = random(*shape)
        squares = np.linalg.svd(X.numpy().astype(np.float64), compute_uv=False) ** 2
        assert explained_variance(X) == pytest.approx(squares[0] / squares.sum(), abs=1e-12)
    assert explained_variance(torch.ones(4, 1) @ random(1, 5)) == pytest.approx(1)
    assert explained_variance(torch.zeros(3, 4)) == 0


def test_one_occurrence_has_nothing_to_be_compared_with():
    found = layer_similarity("embedding", random(1, 4), random(0, 4), None, seed=0)
    assert (found.mean, found.adjusted, found.explained, found.baseline, found.with_static) == (None,) * 5


def test_points_keep_the_distances_of_vectors_in_a_plane_and_turn_with_their_layer():
    flat = random(7, 2).double()
    basis = torch.linalg.qr(random(5, 2, seed=1).double()).Q
    other = torch.linalg.qr(random(5, 2, seed=2).double()).Q
    points = planes(torch.stack([flat @ basis.mT, flat @ other.mT + 3]))
    assert points.shape == (2, 7, 2)
    torch.testing.assert_close(torch.cdist(points[0], points[0]), torch.cdist(flat, flat))
    torch.testing.assert_close(points[0], points[1])


def test_a_single_vector_is_the_middle_of_its_picture():
    assert torch.equal(planes(random(3, 1, 4)), torch.zeros(3, 1, 2, dtype=torch.float64))
