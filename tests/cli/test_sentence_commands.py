"""`eigenlm embed`, `search` and `vectors word`: figures as JSON and in words, and bad values in a line."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from eigenlm.cli import main
from tests.analysis.pages import Elements
from tests.tiny_sentence_encoder import tiny_sentence_encoder

LINES = [
    *(f"The bank {there} the {thing}." for there in ("near", "in") for thing in ("river", "water", "mud", "reed")),
    *(f"The {thing} of the bank is {how}." for how in ("new", "old") for thing in ("money", "loan", "debt", "bill")),
    "",
    "no such word",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "encoder"
    tiny_sentence_encoder(folder, length=9, prompts={"query": "query : "})
    return str(folder)


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "texts" / "lines.txt"
    path.parent.mkdir()
    path.write_text("\n".join(LINES) + "\n")
    return str(path)


def test_embed_says_what_became_of_the_lines(model, text, tmp_path, capsys):
    out = tmp_path / "v.npy"
    assert main(["embed", model, "--text", text, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert f'{out}: next, in Python, numpy.load("{out}", mmap_mode="r") (18 vectors of 48 numbers, ' in said.out
    assert "8 of 18 texts have more than 9 tokens, which is what the model reads of a text" in said.err
    assert f"1 text is empty ({text}:17); each keeps its row, of zeros" in said.err
    assert np.load(out).shape == (18, 48)
    assert main(["embed", model, "--text", text, "--out", str(out), "--prompt-name", "query", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["num_texts"], told["num_empty"], told["prompt"], told["pooling"]) == (18, 1, "query : ", ["mean"])
    assert told["per_second"] > 0


def test_embed_reads_standard_input(model, tmp_path, monkeypatch, capsys):
    stdin = io.TextIOWrapper(io.BytesIO(b"the river\nthe money\n"))
    monkeypatch.setattr("sys.stdin", stdin)
    assert main(["embed", model, "--text", "-", "--out", str(tmp_path / "v.npy"), "-q"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'v.npy'}\n"
    assert np.load(tmp_path / "v.npy").shape == (2, 48)


def test_a_model_that_does_not_say_how_is_told(tiny_model, text, tmp_path, capsys):
    assert main(["embed", str(tiny_model), "--text", text, "--out", str(tmp_path / "v.npy")]) == 0
    assert "mean of its tokens', at length 1" in capsys.readouterr().err


def test_search_prints_places_and_passages(model, text, tmp_path, capsys):
    words = ["search", model, str(Path(text).parent), "the river", "--index", str(tmp_path / "index"), "--count", "3"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "embedded; the next search finds their vectors in" in said.err
    assert said.out.count("lines.txt:") == 3
    assert "passages in 1 file" in said.out
    assert main([*words, "--json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["num_embedded"], len(told["answers"]), said.err) == (0, 3, "")
    assert set(told["answers"][0]) == {"score", "file", "line", "last_line", "text", "also"}
    assert main([*words, "-q"]) == 0
    expected = [f"{one['file']}:{one['line']}" for one in told["answers"]]
    assert capsys.readouterr().out.split() == expected


def test_word_has_a_row_for_every_layer_and_a_place_for_every_sentence(model, text, tmp_path, capsys):
    words = ["vectors", "word", "bank", "--model", model, "--sentences", text, "--html", str(tmp_path / "page.html")]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [layer["name"] for layer in told["layers"]] == ["embedding", "blocks.0", "blocks.1", "blocks.2"]
    assert (told["word"], told["num_lines"], len(told["sentences"])) == ("bank", 18, 16)
    first = told["sentences"][0]
    assert (first["text"], first["pieces"]) == (LINES[0], ["ban", "##k"])
    assert len(first["xy_by_layer"]) == 4
    assert first["xy"] == first["xy_by_layer"][-1]
    page = Elements((tmp_path / "page.html").read_text(encoding="utf-8"))
    marks = [about for tag, about in page.elements if tag == "use" and "data-place" in about]
    assert len(marks) == 4 * 16
    assert not [about for _, about in page.elements if str(about.get("src") or about.get("href")).startswith("http")]


def test_word_is_told_in_words_and_at_80_columns(model, text, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["vectors", "word", "bank", "--model", model, "--sentences", text]) == 0
    out = capsys.readouterr().out
    assert "'bank' in 16 places; 18 lines read" in out
    assert "Tokens: ban ##k; where there are several, the mean of their vectors." in " ".join(out.split())
    assert "of clouds without groups are parted as well" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


def test_one_sentence_has_nothing_to_be_compared_with(model, tmp_path, capsys):
    (tmp_path / "one.txt").write_text("The bank of the river.\n")
    words = ["vectors", "word", "bank", "--model", model, "--sentences", str(tmp_path / "one.txt")]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "'bank' in 1 place; 1 line read" in out
    assert "No groups are told in 1 place: it takes 6 that are not alike." in out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["layers"][0]["mean"] is None


BAD = [
    (["embed", "MODEL", "--text", "TEXT", "--out", "OUT/v.txt"], "expected a name that ends in .npy"),
    (["embed", "MODEL", "--text", "none.txt", "--out", "OUT/v.npy"], "reading none.txt: expected a file or folder"),
    (["embed", "MODEL", "--text", "TEXT", "--out", "OUT/v.npy", "--prompt-name", "passage"], "expected one of: query"),
    (["search", "MODEL", "none", "words"], "reading none: expected a file or folder"),
    (["search", "MODEL", "OUT", "words", "--count", "0"], "count: expected at least 1, got 0"),
    (["search", "MODEL", "OUT", " ", "--index", "OUT/i"], "search: expected words to look for, got none"),
    (["search", "nosuch", "OUT", "words"], "finding the model 'nosuch'"),
    (["vectors", "word", "bank", "--model", "MODEL", "--sentences", "TEXT", "--layer", "9"], "layer: expected 0"),
    (["vectors", "word", "rank", "--model", "MODEL", "--sentences", "TEXT"], "as a whole word, got none in 18 lines"),
    (["vectors", "word", "bank", "--model", "MODEL", "--sentences", "none.txt"], "reading none.txt"),
]


@pytest.mark.parametrize(("words", "line"), BAD, ids=lambda x: " ".join(x)[:40] if isinstance(x, list) else "")
def test_bad_values_are_told_in_a_line(model, text, tmp_path, capsys, words, line):
    out = tmp_path / "out"
    out.mkdir()
    places = {"MODEL": model, "TEXT": text}
    given = [places.get(word, word.replace("OUT", str(out))) for word in words]
    assert main(given) == 2
    told = [said for said in capsys.readouterr().err.splitlines() if said.startswith("eigenlm: ")]
    assert len(told) == 1
    assert line in told[0]
    assert not list(out.iterdir())
