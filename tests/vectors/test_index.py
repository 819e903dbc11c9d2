import json
import os
from pathlib import Path

import pytest
import torch

from eigenlm.errors import DataError
from eigenlm.vectors.folder import write_folder
from eigenlm.vectors.formats import files_of, read_indexed, read_vectors, write_vectors
from eigenlm.vectors.index import ABOUT, GRAPH, build_index
from eigenlm.vectors.word_vectors import WordVectors


def space(V: int = 2000, D: int = 16, seed: int = 0) -> WordVectors:
    """Points in clusters, where a graph has something to follow."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(50, D, generator=generator)
    vectors = centres[torch.arange(V) % 50] + torch.randn(V, D, generator=generator)
    return WordVectors(tuple(f"word{i}" for i in range(V)), vectors)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("index")
    write_vectors(space(), folder / "vectors")
    (folder / "index").mkdir()
    build_index(read_vectors(folder / "vectors"), folder / "index", files_of(folder / "vectors"), recall=0.95)
    return folder / "vectors", folder / "index"


def test_nearly_all_neighbours_are_found_with_their_exact_cosines(built):
    exact, indexed = read_vectors(built[0]), read_indexed(*built)
    about = json.loads((built[1] / ABOUT).read_text())
    shares = []
    for word in exact.words[::20]:
        wanted, found = exact.neighbours(word), indexed.neighbours(word)
        cosines = {near.word: near.cosine for near in wanted}
        shares.append(len(cosines.keys() & {near.word for near in found}) / 10)
        assert all(near.cosine == pytest.approx(cosines.get(near.word, near.cosine), abs=1e-6) for near in found)
        assert [near.cosine for near in found] == sorted((near.cosine for near in found), reverse=True)
        assert word not in {near.word for near in found}
    assert sum(shares) / len(shares) >= 0.95
    assert about["recall"]["low"] >= 0.95


def test_sums_of_words_go_through_it_too(built):
    exact, indexed = read_vectors(built[0]), read_indexed(*built)
    question = "word1 - word51 + word2"
    assert [near.word for near in indexed.ask(question, 3)] == [near.word for near in exact.ask(question, 3)]
    honest, told = (space.ask(question, 3, honest=True) for space in (exact, indexed))
    assert [near.word for near in told] == [near.word for near in honest]


def test_more_answers_than_are_looked_at_are_still_given(built):
    indexed = read_indexed(*built)
    assert len(indexed.neighbours("word0", 500)) == 500
    assert len(indexed.neighbours("word0", 5000)) <= 1999


def test_it_is_the_same_to_the_bit_each_time(built, tmp_path):
    build_index(read_vectors(built[0]), tmp_path, files_of(built[0]))
    assert (tmp_path / GRAPH).read_bytes() == (built[1] / GRAPH).read_bytes()


def test_vectors_that_have_changed_are_refused_and_files_that_moved_are_not(built, tmp_path):
    write_folder(read_vectors(built[0]), tmp_path, {})
    assert len(read_indexed(tmp_path, built[1])) == 2000  # the same numbers at another time
    changed = space().vectors.clone()
    changed[1234, 5] += 1e-3
    write_folder(WordVectors(space().words, changed), tmp_path, {})
    with pytest.raises(DataError, match="as it is now, got one of other vectors; build it again"):
        read_indexed(tmp_path, built[1])
    renamed = (*space().words[:-1], "other")
    write_folder(WordVectors(renamed, space().vectors), tmp_path, {})
    with pytest.raises(DataError, match="got one of other vectors"):
        read_indexed(tmp_path, built[1])


def test_while_the_files_are_the_same_nothing_is_read_to_compare(built, monkeypatch):
    monkeypatch.setattr("eigenlm.vectors.fingerprint._digest", lambda space: "read")
    assert len(read_indexed(*built)) == 2000
    os.utime(built[0] / "vectors.npy")
    with pytest.raises(DataError, match="got one of other vectors"):
        read_indexed(*built)


def test_damaged_indexes_are_told(built, tmp_path):
    with pytest.raises(DataError, match="expected an index, got"):
        read_indexed(built[0], tmp_path)
    (tmp_path / ABOUT).write_bytes((built[1] / ABOUT).read_bytes())
    (tmp_path / GRAPH).write_bytes((built[1] / GRAPH).read_bytes()[:-100])
    with pytest.raises(DataError, match="got one of other vectors"):
        read_indexed(built[0], tmp_path)
    (tmp_path / ABOUT).write_text("[]")
    with pytest.raises(DataError, match="expected an index, got"):
        read_indexed(built[0], tmp_path)
