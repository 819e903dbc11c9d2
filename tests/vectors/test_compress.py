import json
from pathlib import Path

import numpy as np
import pytest
import torch

from eigenlm.errors import ConfigError, DataError
from eigenlm.linalg.similarity import cosine_similarity
from eigenlm.vectors.change import changed_scores, neighbours_kept
from eigenlm.vectors.compress import compress
from eigenlm.vectors.folder import write_folder
from eigenlm.vectors.formats import read_vectors
from eigenlm.vectors.word_vectors import WordVectors


def space(V: int = 60, D: int = 8, seed: int = 0) -> WordVectors:
    vectors = torch.randn(V, D, generator=torch.Generator().manual_seed(seed)) * torch.arange(D, 0, -1) + 0.5
    return WordVectors(tuple(f"word{i}" for i in range(V)), vectors)


@pytest.mark.parametrize("projection", ["svd", "pca"])
def test_fewer_numbers_are_eckart_and_youngs(projection):
    before = space()
    X = before.vectors.double().numpy()
    X = X - X.mean(0) if projection == "pca" else X
    U, S, Vh = np.linalg.svd(X, full_matrices=False)
    made = compress(before, dim=3, projection=projection)
    assert made.space.vectors.shape == (60, 3)
    assert made.energy_kept == pytest.approx((S[:3] ** 2).sum() / (S**2).sum(), rel=1e-5)
    best = torch.from_numpy((U[:, :3] * S[:3]) @ Vh[:3])
    # float32 keeps seven digits of each product
    assert torch.allclose(cosine_similarity(made.space.vectors, made.space.vectors).double(), cosines(best), atol=1e-5)
    assert made.mean_cosine == pytest.approx(float(row_cosines(before.vectors.double(), best).mean()), abs=1e-5)
    assert (made.num_bytes_before, made.num_bytes) == (60 * 8 * 4, 60 * 3 * 4)


def cosines(X: torch.Tensor) -> torch.Tensor:
    units = X / X.norm(dim=1, keepdim=True)
    return units @ units.mT


def row_cosines(X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    return (X * Y).sum(1) / X.norm(dim=1) / Y.norm(dim=1)


def test_all_but_the_top_is_mu_and_viswanaths():
    before = space()
    X = before.vectors.double().numpy()
    X = X - X.mean(0)
    _, _, Vh = np.linalg.svd(X)
    wanted = X - (X @ Vh[:2].T) @ Vh[:2]  # algorithm 1 of arXiv:1702.01417
    assert np.abs(compress(before, without_top=2).space.vectors.numpy() - wanted).max() < 1e-5


@pytest.mark.parametrize(("bits", "dim", "bytes_of_codes"), [(8, 8, 8), (8, 5, 5), (4, 8, 4), (4, 5, 3)])
def test_rounded_vectors_are_small_on_the_disk_and_read_again(bits, dim, bytes_of_codes, tmp_path):
    made = compress(space(), dim=dim, bits=bits)
    write_folder(made.space, tmp_path, {}, made.rounded)
    files = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert "vectors.npy" not in files
    header = 128  # of a file of numpy
    assert files["codes.npy"] + files["steps.npy"] - 2 * header == made.num_bytes == 60 * (bytes_of_codes + 4)
    again = read_vectors(tmp_path)
    assert torch.equal(again.vectors, made.space.vectors)
    assert again.words == made.space.words
    assert [near.word for near in again.neighbours("word0")] == [near.word for near in made.space.neighbours("word0")]


def test_fewer_bits_cost_what_uniform_rounding_costs():
    vectors = torch.randn(500, 300, generator=torch.Generator().manual_seed(1))
    before = WordVectors(tuple(map(str, range(500))), vectors)
    for bits in (4, 8):
        made = compress(before, bits=bits)
        expected = float((made.rounded.steps.double() ** 2).sum() * 300 / 12 / vectors.double().square().sum())
        # s^2 / 12 a number, as of errors spread evenly over a step s; the largest of 300 in a row has none
        assert 1 - made.energy_kept == pytest.approx(expected, rel=0.02)


def test_neighbours_kept_is_a_naive_count():
    before = space(V=30)
    after = compress(before, dim=4).space
    assert neighbours_kept(before, before).value == 1
    shared = [
        len({near.word for near in before.neighbours(word, 5)} & {near.word for near in after.neighbours(word, 5)}) / 5
        for word in before.words
    ]
    assert neighbours_kept(before, after, k=5).value == pytest.approx(np.mean(shared))


@pytest.fixture
def sets(tmp_path: Path) -> tuple[Path, Path]:
    draws = np.random.default_rng(0)
    lines = [" ".join(f"word{i}" for i in draws.choice(60, 4, replace=False)) for _ in range(200)]
    (tmp_path / "questions.txt").write_text(": all\n" + "\n".join(lines))
    judged = [f"word{i}\tword{59 - i}\t{draws.random():.3f}" for i in range(30)]
    (tmp_path / "pairs.tsv").write_text("\n".join(judged))
    return tmp_path / "questions.txt", tmp_path / "pairs.tsv"


def test_the_same_questions_are_paired(sets):
    before, after = space(), compress(space(), dim=2).space
    questions, pairs = sets
    same = changed_scores(before, before, questions=questions, pairs=[pairs])
    assert [(one.difference.value, one.difference.low, one.difference.high) for one in same] == [(0, 0, 0)] * 3
    changed = changed_scores(before, after, questions=questions, pairs=[pairs])
    assert [one.name for one in changed] == ["analogies", "analogies, nothing left out", "pairs"]
    for one in changed:
        assert one.difference.value == pytest.approx(one.after.value - one.before.value)
        assert one.difference.low <= one.difference.value <= one.difference.high
    unpaired = (changed[2].after.high - changed[2].after.low) + (changed[2].before.high - changed[2].before.low)
    assert changed[2].difference.high - changed[2].difference.low < unpaired


def test_what_cannot_be_compared_or_compressed_is_told(tmp_path):
    with pytest.raises(DataError, match="expected the same words in the same order, got 60 and 50 words"):
        changed_scores(space(), space(V=50), questions=None, pairs=[])
    with pytest.raises(ConfigError, match="expected fewer numbers or fewer bits, got neither"):
        compress(space())
    with pytest.raises(ConfigError, match="expected from 1 to 8 numbers a row, got 9"):
        compress(space(), dim=9)


DAMAGED = {
    "no steps": ({"codes": np.zeros((2, 3), np.int8)}, "expected codes.npy and steps.npy and words.json"),
    "floats": ({"codes": np.zeros((2, 3)), "steps": np.ones(2, np.float32)}, "whole numbers of 8 bits, got float64"),
    "few steps": ({"codes": np.zeros((2, 3), np.int8), "steps": np.ones(1, np.float32)}, "expected 2 numbers, as"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_folders_of_codes_are_refused(name, tmp_path):
    arrays, line = DAMAGED[name]
    (tmp_path / "words.json").write_text(json.dumps(["a", "b"]))
    for file, array in arrays.items():
        np.save(tmp_path / f"{file}.npy", array)
    with pytest.raises(DataError, match=line):
        read_vectors(tmp_path)
