"""`eigenlm vectors map`: a page is written and told of; bad values in a line."""

import importlib.util
import json
from pathlib import Path

import pytest

from eigenlm.cli import main
from eigenlm.vectors.formats import write_vectors
from tests.vectors.map.spaces import royal


@pytest.fixture
def made(tmp_path: Path) -> Path:
    write_vectors(royal(others=60), tmp_path / "words")
    return tmp_path / "words"


def test_a_page_is_written_and_told_of(made: Path, tmp_path: Path, capsys) -> None:
    page = tmp_path / "map.html"
    assert main(["vectors", "map", str(made), "--out", str(page), "--json", "--max-words", "50"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["num_words"], told["dim"], told["bytes"]) == (50, 24, page.stat().st_size)
    assert 0 < sum(told["variance"]["pca"]) < 1
    assert told["page"]["neighbours"] > 0.9
    first = page.read_bytes()
    assert main(["vectors", "map", str(made), "--out", str(page), "--max-words", "50"]) == 0
    assert "open it in a browser (50 words" in capsys.readouterr().out
    assert page.read_bytes() == first


def test_sentences_of_a_word_stand_beside(made: Path, tmp_path: Path, capsys) -> None:
    sentences = [{"text": "a bank of sand", "vector": [1, 0, 2]}, {"text": "a bank of rates", "vector": [0, 1, 1]}]
    (tmp_path / "bank.json").write_text(json.dumps({"word": "bank", "sentences": sentences}))
    page, contextual = str(tmp_path / "map.html"), str(tmp_path / "bank.json")
    assert main(["vectors", "map", str(made), "--out", page, "--contextual", contextual]) == 0
    assert "a bank of rates" in Path(page).read_text(encoding="utf-8")
    assert main(["vectors", "map", str(made), "--out", contextual, "--contextual", contextual]) == 2
    assert "a place that is not read from" in capsys.readouterr().err


BAD = [
    (["MADE", "--out", "NEW", "--max-words", "0"], "max_words: expected at least 1, got 0"),
    (["MADE", "--out", "NEW", "--max-words", "1"], "a map: expected two words or more, got 1"),
    (["MADE", "--out", "NEW", "--max-words", "200000"], "expected at most 100,000 words, got 200,000"),
    (["MADE", "--out", "NEW", "--seed", "-1", "--layout", "pca"], "seed: expected a whole number"),
    (["nothing-here", "--out", "NEW"], "expected a file or folder of word vectors"),
    (["MADE", "--out", "NEW", "--contextual", "nothing-here"], "expected a file or folder, got nothing there"),
    (["MADE", "--out", "MADE"], "expected a place that is not read from"),
]


@pytest.mark.parametrize(("words", "line"), BAD, ids=lambda x: " ".join(x)[:40] if isinstance(x, list) else "")
def test_bad_values_are_told_in_a_line(made: Path, tmp_path: Path, capsys, words: list[str], line: str) -> None:
    places = {"MADE": str(made), "NEW": str(tmp_path / "new.html")}
    assert main(["vectors", "map", *(places.get(word, word) for word in words)]) == 2
    told = [said for said in capsys.readouterr().err.splitlines() if said.startswith("eigenlm: ")]
    assert len(told) == 1
    assert line in told[0]
    assert not (tmp_path / "new.html").exists()


def test_umap_that_is_not_installed_is_told_before_anything_is_read(tmp_path: Path, capsys, monkeypatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("eigenlm.vector_names.find_spec", lambda name: None if name == "umap" else found(name))
    words = ["vectors", "map", "nothing-here", "--out", str(tmp_path / "new.html"), "--layout", "umap"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "layout umap: expected the package umap-learn, got none installed" in said
    assert "--layout pca" in said
