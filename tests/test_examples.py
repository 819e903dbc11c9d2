"""The example programs run as they are, on small data that is made here."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from eigenlm.vectors.formats import write_vectors
from eigenlm.vectors.word_vectors import WordVectors

EXAMPLES = Path(__file__).parent.parent / "examples"
KINDS = {"animals": ("cat", "dog", "horse", "sheep"), "numbers": ("one", "two", "three", "four")}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Users who like one kind of text or the other, and vectors that tell the kinds from each other."""
    folder, draws = tmp_path_factory.mktemp("ratings"), np.random.default_rng(0)
    users, items = 80, 30
    kind = np.arange(items) % 2
    taste = draws.normal(0, 4, (users, 1)) * (2 * kind - 1)
    ratings = np.clip(taste + draws.normal(0, 2, (users, items)), -10, 10)
    table = [[f"{r:.2f}" if draws.random() < 0.9 else "" for r in row] for row in ratings]
    names = [f"item{i}" for i in range(items)]
    (folder / "ratings.csv").write_text("\n".join([",".join(names), *(",".join(row) for row in table)]) + "\n")
    words = list(KINDS.values())
    texts = {name: "The " + " and ".join(draws.choice(words[k], 3)) for name, k in zip(names, kind)}
    (folder / "texts.json").write_text(json.dumps(texts))
    known = tuple(word for some in words for word in some)
    vectors = torch.eye(2).repeat_interleave(4, 0) + 0.1 * torch.from_numpy(draws.normal(size=(8, 2))).float()
    write_vectors(WordVectors(known, vectors), folder / "words.vec")
    return folder


def figures(out: str) -> dict[str, list[float]]:
    """The first number of every cell, by the name of its row."""
    rows = [line for line in out.splitlines() if "(" in line]
    return {
        row[:28].strip(): [float(cell.split()[0]) for cell in (row[28:56], row[56:84]) if cell.strip()] for row in rows
    }


def test_the_recommender_beats_means_where_taste_has_a_direction(data, monkeypatch, capsys):
    words = ["recommender.py", "--folder", str(data), "--vectors", str(data / "words.vec"), "--rank", "3"]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(EXAMPLES / "recommender.py"), run_name="__main__")
    out = capsys.readouterr().out
    assert out.startswith("80 users, 30 items, 2,1")
    found = figures(out)
    assert found["truncated SVD"][0] < 0.75 * found["user + item"][0] <= found["mean of all"][0]
    assert found["text vectors"][0] < 0.75 * found["mean of the user"][0]
    # noise of 2, less what is cut off at 10, is what nobody can foretell
    assert 1.7 < found["truncated SVD"][0] < 2.6
