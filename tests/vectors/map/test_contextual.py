"""One word in its sentences, as a file says it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.vectors.map.contextual import read_contextual


def written(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_vectors_are_drawn_along_their_principal_axes(tmp_path: Path) -> None:
    X = torch.randn(6, 5, generator=torch.Generator().manual_seed(1)).double()
    sentences = [{"text": f"sentence {i}", "vector": row.tolist()} for i, row in enumerate(X)]
    read = read_contextual(written(tmp_path / "bank.json", {"word": "bank", "sentences": sentences}))
    U, S, _ = np.linalg.svd(X.numpy() - X.numpy().mean(0), full_matrices=False)
    assert np.abs(np.abs(read.places.numpy()) - np.abs(U[:, :2] * S[:2])).max() < 1e-5
    assert f"keep {(S[:2] ** 2).sum() / (S**2).sum():.1%} of the variance" in read.told
    assert read.drawn()["sentences"][3] == "sentence 3"


def test_places_may_be_given(tmp_path: Path) -> None:
    sentences = [{"text": "a", "xy": [1, 2], "group": 1}, {"text": "b", "xy": [0, -1], "group": 0}]
    read = read_contextual(written(tmp_path / "xy.json", {"word": "bank", "sentences": sentences}))
    assert read.places.tolist() == [[1, 2], [0, -1]]
    assert read.groups == (1, 0)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        [],
        {"word": "bank", "sentences": []},
        {"word": "bank", "sentences": [{"text": "a"}]},
        {"word": "bank", "sentences": [{"text": "a", "xy": [1, 2, 3]}]},
        {"word": "bank", "sentences": [{"text": "a", "vector": [1, 2]}, {"text": "b", "vector": [1]}]},
        '{"word": "bank", "sentences": [{"text": "a", "vector": [NaN, 1]}]}',
        {"word": "bank", "sentences": 3},
        {"word": "bank", "sentences": [{"text": "a", "xy": [1, 2], "group": "one"}]},
    ],
)
def test_anything_else_is_refused_in_a_line(content: object, tmp_path: Path) -> None:
    with pytest.raises(DataError) as told:
        read_contextual(written(tmp_path / "bad.json", content))
    assert "reading" in str(told.value)
    assert "\n" not in str(told.value)
