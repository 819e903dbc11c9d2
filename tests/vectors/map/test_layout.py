"""Where the words stand in a picture, and what it keeps."""

import numpy as np
import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.map import map_of
from eigenlm.vectors.map.layout import by_variance, flat
from eigenlm.vectors.map.packing import neighbours_kept
from eigenlm.vectors.word_vectors import WordVectors
from tests.vectors.map.spaces import royal


def test_the_picture_is_the_svd_of_centred_units() -> None:
    units = unit_rows(royal().vectors.double())
    laid = by_variance(units)
    U, S, _ = np.linalg.svd(units.numpy() - units.numpy().mean(0))
    assert np.abs(np.abs(laid.places.numpy()) - np.abs(U[:, :2] * S[:2])).max() < 1e-9
    assert laid.shares == pytest.approx(S[:2] ** 2 / (S**2).sum())


def test_a_sum_of_words_is_a_sum_of_arrows_from_the_origin() -> None:
    units = unit_rows(royal().vectors.double())
    laid = by_variance(units)
    origin = torch.tensor(laid.origin).double()
    weights = torch.tensor([1.0, -1, 1]).double()
    (landing,), _ = flat(units, of=(weights @ units[:3]).unsqueeze(0))
    assert torch.allclose(origin + weights @ (laid.places[:3] - origin), landing)


def test_few_dimensions_and_equal_vectors_have_a_picture_too() -> None:
    line = by_variance(torch.tensor([[1.0], [-1.0], [1.0]]))
    assert line.places[:, 1].tolist() == [0, 0, 0]
    assert line.shares == (1.0, 0.0)
    same = map_of(WordVectors(("a", "b"), torch.ones(2, 3)))
    assert same.layouts[0].shares == (0.0, 0.0)
    assert same.agreement.neighbours == 1.0
    with pytest.raises(DataError, match="two words or more"):
        map_of(WordVectors(("a",), torch.ones(1, 3)))


def test_neighbours_kept_counts_those_of_the_plane() -> None:
    plane = torch.nn.functional.pad(torch.linspace(0, 1, 200).unsqueeze(1), (0, 1), value=1.0)
    units = unit_rows(plane)  # points of an arc: nearest by cosine are nearest on it
    assert neighbours_kept(units, units) == 1.0
    generator = torch.Generator().manual_seed(0)
    shuffled = units[torch.randperm(200, generator=generator)]
    assert neighbours_kept(units, shuffled) < 0.2  # by chance 10 / 199


def test_umap_is_beside_pca_the_same_each_time_and_keeps_more_neighbours() -> None:
    pytest.importorskip("umap")
    space = royal(others=200)
    first, second = (map_of(space, layout="umap", seed=3) for _ in range(2))
    assert [one.name for one in first.layouts] == ["umap", "pca"]
    assert torch.equal(first.layouts[0].places, second.layouts[0].places)
    assert first.layouts[0].origin is None
    assert first.kept[0] > first.kept[1]
