"""`eigenlm tokenizer train`: what it writes opens in transformers and cuts text the same way."""

import json
from pathlib import Path

import pytest
import transformers

from eigenlm.cli import main
from eigenlm.text.tokenizer import Tokenizer


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram", "character"])
def test_folder_opens_in_transformers(tiny_text: Path, tmp_path: Path, capsys, kind: str) -> None:
    out = tmp_path / "tokenizer"
    words = ["tokenizer", "train", "--kind", kind, "--vocab-size", "300", "--text", str(tiny_text), "--out", str(out)]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    theirs = transformers.AutoTokenizer.from_pretrained(out)
    ours = Tokenizer.load(out)
    text = "the vector to the token"
    assert theirs(text, add_special_tokens=False).input_ids == ours.encode(text)
    assert told["vocab_size"] == ours.vocab_size <= 300
    assert told["bytes_per_token"] >= 1


def test_folder_in_use_is_left_alone(tiny_text: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "precious").write_text("kept")
    assert main(["tokenizer", "train", "--text", str(tiny_text), "--out", str(tmp_path)]) == 2
    assert "in use" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_empty_text_leaves_no_folder(tmp_path: Path, capsys) -> None:
    (tmp_path / "text.txt").write_text("  \n")
    assert main(["tokenizer", "train", "--text", str(tmp_path / "text.txt"), "--out", str(tmp_path / "out")]) == 2
    assert "some text" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("kind", "text"), [("unigram", "a line\n" * 9000), ("bpe", "words " * 10_000)])
def test_memory_is_asked_for_what_is_learned_from_at_once(tmp_path, capsys, monkeypatch, kind: str, text: str) -> None:
    (tmp_path / "text.txt").write_text(text)
    monkeypatch.setattr("eigenlm.machine.memory.free_memory", lambda device=None: 1 << 20)
    words = ["tokenizer", "train", "--kind", kind, "--text", str(tmp_path / "text.txt")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "MB of memory to be free, got 1.0 MB; give less text" in capsys.readouterr().err
