import numpy as np
import pytest
import scipy.spatial.distance
import torch

from eigenlm.errors import ConfigError, ShapeError
from eigenlm.linalg import cosine_similarity, nearest


def test_cosine_similarity_is_scipys():
    X, Y = (np.random.default_rng(seed).normal(size=(rows, 6)) for seed, rows in ((0, 5), (1, 7)))
    expected = 1 - scipy.spatial.distance.cdist(X, Y, "cosine")
    np.testing.assert_allclose(cosine_similarity(torch.from_numpy(X), torch.from_numpy(Y)), expected, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e-310, 1e300])
def test_length_does_not_matter(scale):
    X = torch.tensor([[1.0, 2.0], [-4.0, 2.0]], dtype=torch.float64)
    # At 1e-310 the entries are subnormal and carry 40 bits.
    torch.testing.assert_close(
        cosine_similarity(X * scale, X), torch.tensor([[1.0, 0], [0, 1]]).double(), rtol=0, atol=1e-11
    )


def test_zero_vectors_are_similar_to_nothing():
    X = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    assert cosine_similarity(X, X).tolist() == [[0.0, 0.0], [0.0, 1.0]]


def test_nearest_is_a_full_sort_of_all_similarities(monkeypatch):
    monkeypatch.setattr("eigenlm.linalg.similarity._BLOCK_ROWS", 7)
    table = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    found = nearest(table[[3, 20]], table, k=5)
    similarities = torch.nn.functional.cosine_similarity(table[[3, 20], None], table[None], dim=-1)
    expected = similarities.sort(-1, descending=True)
    assert found.indices.tolist() == expected.indices[:, :5].tolist()
    assert found.indices[:, 0].tolist() == [3, 20]
    torch.testing.assert_close(found.similarities, expected.values[:, :5], rtol=0, atol=1e-6)  # float32 dot of 8


def test_half_precision_rows_are_compared_in_float32():
    table = torch.randn(20, 8).to(torch.bfloat16)
    assert nearest(table[:2], table, k=1).similarities.dtype == torch.float32


def test_wrong_sizes_are_one_clear_line():
    with pytest.raises(ShapeError, match="one width"):
        cosine_similarity(torch.ones(2, 3), torch.ones(2, 4))
    with pytest.raises(ConfigError, match="between 1 and 2"):
        nearest(torch.ones(1, 3), torch.ones(2, 3), k=3)
