"""The tour on a tiny model: what it says is what it did."""

import io
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFReader
from rich.filesize import decimal
from safetensors.numpy import load_file

import eigenlm
from eigenlm.cli import main
from eigenlm.cli.program import parse

Capture = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Taken:
    """A tour that was taken: its JSON, and the story it told."""

    told: dict[str, Any]
    story: str


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory, tiny_text: Path) -> Path:
    path = tmp_path_factory.mktemp("texts") / "lines.txt"
    path.write_text("\n".join([tiny_text.read_text()] * 30))
    return path


@pytest.fixture(scope="module")
def taken(tiny_model: Path, lines: Path, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """As a person takes it: a process of its own."""
    out = tmp_path_factory.mktemp("tour") / "out"
    words = ["--model", str(tiny_model), "--text", str(lines), "--out", str(out), "--max-loss", "0.3", "--json"]
    done = subprocess.run([sys.executable, "-m", "eigenlm", "tour", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Taken(json.loads(done.stdout), done.stderr)


def test_story_has_every_step_and_the_next_commands(taken: Taken) -> None:
    assert all(f"{step} of 6" in taken.story for step in range(1, 7))
    unwrapped = "".join(taken.story.split())
    assert all("".join(command.split()) in unwrapped for command in taken.told["next_commands"])
    assert all(f"  {command}\n" in taken.story for command in taken.told["next_commands"])  # to be pasted


def test_bytes_on_disk_are_told_beside_those_in_memory(taken: Taken, tiny_model: Path) -> None:
    before = sum(tensor.nbytes for tensor in load_file(tiny_model / "model.safetensors").values())
    stored = [before, Path(taken.told["smaller"]).stat().st_size]
    (row,) = [line.split() for line in taken.story.splitlines() if "bytes on disk" in line and "%" in line]
    assert row[3:7] == [*decimal(stored[0]).split(), *decimal(stored[1]).split()]
    assert ("On disk it has grown" in taken.story) == (stored[1] > stored[0])


def test_figures_are_those_of_the_file_it_leaves(taken: Taken, tiny_model: Path) -> None:
    effect = taken.told["effect"]
    before, after = eigenlm.load(tiny_model, device="cpu"), eigenlm.load(taken.told["smaller"], device="cpu")
    after.generation = before.generation  # a GGUF file does not say that <|endoftext|> ends no answer
    for lm, measured in ((before, effect["before"]), (after, effect["after"])):
        assert measured["num_params"] == lm.num_params
        assert lm.chat(effect["question"], max_tokens=48) == measured["answer"]
    assert effect["after"]["file_bytes"] < effect["before"]["file_bytes"]
    assert {each.tensor_type.name for each in GGUFReader(taken.told["smaller"]).tensors} > {"F32"}
    assert effect["nll_increase"]["value"] == pytest.approx(
        effect["after"]["nll"] - effect["before"]["nll"], abs=1e-6
    )  # float32 sums
    assert "blocks.0.attention.query" in Path(taken.told["report"]).read_text(encoding="utf-8")


def test_next_commands_work_as_printed(taken: Taken, capsys: Capture, monkeypatch) -> None:
    chat, analyze, tour = (shlex.split(command)[1:] for command in taken.told["next_commands"])
    monkeypatch.setattr("sys.stdin", io.StringIO("hello\n"))
    assert main(chat) == 0
    assert main(analyze) == 0
    assert Path(analyze[-1]).is_file()
    assert parse(tour[0], tour[1:]).max_loss == 0.2  # not run: it is this tour again, on the real model


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--max-loss", "0"], "max_loss"),
        (["--text", "no-such-file.txt"], "no-such-file.txt"),
        (["--model", "nix"], "nix"),
    ],
)
def test_bad_options_fail_before_any_work(
    tiny_model: Path, tmp_path: Path, capsys: Capture, options: list[str], named: str
) -> None:
    out = tmp_path / "out"
    assert main(["tour", "--model", str(tiny_model), "--out", str(out), *options]) == 2
    assert named in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_in_use_is_refused_at_once(tiny_model: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "precious").write_text("kept")
    assert main(["tour", "--model", str(tiny_model), "--out", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "in use" in err


def test_ctrl_c_leaves_nothing(tiny_model: Path, lines: Path, tmp_path: Path, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("eigenlm.tour.act.apply", interrupt)
    out = tmp_path / "out"
    assert main(["tour", "--model", str(tiny_model), "--text", str(lines), "--out", str(out)]) == 130
    assert list(tmp_path.iterdir()) == []
