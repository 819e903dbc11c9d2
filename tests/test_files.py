"""Files that are the user's: what is replaced was meant to be, and what is opened has an end."""

import errno
import gzip
import os
import shutil
import socket
from pathlib import Path

import pytest

from eigenlm.checkpoint import open_model
from eigenlm.cli import main
from eigenlm.errors import CheckpointError, ConfigError, DataError
from eigenlm.files import regular, whole_file, whole_files, write_text
from eigenlm.text import corpus

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def gguf(tiny_model: Path, tmp_path: Path) -> Path:
    assert main(["export", str(tiny_model), "--to", "gguf", "--out", str(tmp_path / "m.gguf")]) == 0
    return tmp_path / "m.gguf"


def bytes_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_is_read_or_a_model_is_not_replaced(
    gguf: Path, tiny_model: Path, tiny_text: Path, capsys: Capture
) -> None:
    here = gguf.parent
    model, text = shutil.copytree(tiny_model, here / "model"), shutil.copy(tiny_text, here / "text.txt")
    (here / "linked.json").symlink_to(gguf)
    os.link(text, here / "hard.html")
    export, plan, analyze = ["export", str(model), "--to", "gguf"], ["plan", str(gguf)], ["analyze", str(gguf)]
    refused = [
        [*analyze, "--html", str(gguf)],
        [*analyze, "--html", f"{here}/model/../m.gguf"],
        [*analyze, "--html", str(model / "model.safetensors")],
        [*analyze, "--text", str(text), "--html", str(text)],
        [*analyze, "--text", str(text), "--html", str(here / "hard.html")],
        [*plan, "--out", str(gguf)],
        [*plan, "--out", str(gguf), "--overwrite"],
        [*plan, "--out", str(here / "linked.json")],
        [*plan, "--out", str(model / "model.json")],
        [*plan, "--text", str(text), "--out", str(text)],
        [*export, "--out", str(gguf)],
        [*export, "--out", str(model / "model.safetensors")],
        [*export, "--out", str(model / "config.json")],
        ["export", str(model), "--to", "hf", "--out", str(model)],
        ["export", str(gguf), "--to", "hf", "--out", str(gguf)],
        ["tokenizer", "train", "--text", str(text), "--out", str(text)],
        ["train", "recipes/gpt_small.py", "--text", str(here), "--out", str(here)],
    ]
    before = bytes_of(here)
    capsys.readouterr()
    for words in refused:
        assert main(words) == 2, words
        err = capsys.readouterr().err
        assert err.startswith("eigenlm: writing "), words
        assert err.count("\n") == 1
    assert bytes_of(here) == before


def test_a_model_is_replaced_when_asked(gguf: Path, tiny_model: Path, capsys: Capture) -> None:
    words = ["export", str(tiny_model), "--to", "gguf", "--storage", "F32", "--out", str(gguf)]
    before = gguf.stat().st_size
    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert gguf.stat().st_size > before


def test_what_is_no_file_is_neither_opened_nor_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name in ("pipe", "device", "socket"):
            with pytest.raises(OSError, match="which is no file"):
                regular(tmp_path / name)
            with pytest.raises(DataError, match="got a pipe, device or socket"):
                write_text(tmp_path / name, "text")
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "device", "socket"}


def test_a_link_stays_and_what_it_points_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "far" / "file")
    with whole_file(tmp_path / "link") as path:
        path.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "file").read_text() == "new"


def test_files_that_belong_together_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one, two):
        write_text(path, "before")

    def write_and_fail() -> None:
        with whole_files(one, two) as (first, second):
            first.write_text("after")
            raise OSError(errno.ENOSPC, "No space left on device", str(second))

    with pytest.raises(DataError, match="No space left"):
        write_and_fail()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"one": "before", "two": "before"}
    with whole_files(one, two) as places:
        for place in places:
            place.write_text("after")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"one": "after", "two": "after"}


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
def test_a_file_of_three_gigabytes_is_not_read(name: str, tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    os.truncate((folder / name) if (folder / name).exists() else write(folder / name), 3_000_000_000)
    with pytest.raises(CheckpointError, match=r"3\.0 GB, of which such files have at most"):
        open_model(folder).read_tokenizer()


def write(path: Path) -> Path:
    path.write_text("{}")
    return path


def test_texts_that_swell_or_do_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb, endless = tmp_path / "a.txt.gz", tmp_path / "a.jsonl"
    bomb.write_bytes(gzip.compress(b"a" * 4000))
    endless.write_text('{"text": "' + "a" * 4000 + '"}')
    monkeypatch.setattr(corpus, "_PART", 1000)
    monkeypatch.setattr(corpus, "_LINE", 1000)
    assert "".join(corpus.read_documents(bomb)) == "a" * 4000
    with pytest.raises(DataError, match="lines of less than 1,000 characters"):
        list(corpus.read_documents(endless))
    monkeypatch.setattr("eigenlm.machine.memory.free_memory", lambda device=None: 4500)
    with pytest.raises(ConfigError, match="cut it into several files"):
        list(corpus.read_documents(bomb))
