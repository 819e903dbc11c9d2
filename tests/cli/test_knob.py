"""`eigenlm knob`: a folder of every size, what is told of it, and what is made of it at the size that is set."""

import json
from pathlib import Path

import pytest
import torch

import eigenlm
from eigenlm.cli import main
from tests.model.test_transformer import ids

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tiny_model: Path, tiny_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("knobs") / "knob"
    assert main(["knob", str(tiny_model), "--text", str(tiny_text), "--tokens", "64", "--out", str(out)]) == 0
    return out


def test_programs_are_told_what_settings_cost(
    tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "knob"
    assert main(["knob", str(tiny_model), "--text", str(tiny_text), "--tokens", "64", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["keep"] for each in told["settings"]] == [0.95, 0.9, 0.8, 0.7, 0.6, 0.5]
    assert told["unit"] == "nats a token"
    assert told["num_bytes"] == eigenlm.load(out).num_bytes
    assert main(["info", str(out), "--json"]) == 0
    known = json.loads(capsys.readouterr().out)["knob"]
    assert (known["keep"], known["told"]["settings"]) == (1.0, told["settings"])


def test_people_are_told_where_it_stands_and_what_to_do_next(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    lm = eigenlm.load(folder)
    eigenlm.turn(lm, 0.7)
    lm.save(tmp_path / "turned")
    for place, said in ((folder, "a knob at 100.0% of"), (tmp_path / "turned", "a knob at ")):
        assert main(["info", str(place)]) == 0
        assert said in capsys.readouterr().out


def test_without_a_knob_nothing_is_said_of_one(tiny_model: Path, capsys: Capture) -> None:
    assert main(["info", str(tiny_model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["knob"] is None


def test_other_formats_have_the_size_that_is_set(folder: Path, tmp_path: Path) -> None:
    lm = eigenlm.load(folder)
    eigenlm.turn(lm, 0.5)
    lm.save(tmp_path / "turned")
    words = ["export", str(tmp_path / "turned"), "--multiply-out"]
    assert main([*words, "--to", "hf", "--out", str(tmp_path / "hf")]) == 0
    assert main([*words, "--to", "gguf", "--storage", "F32", "--out", str(tmp_path / "m.gguf")]) == 0
    for written in ("hf", "m.gguf"):
        with torch.no_grad():
            got, want = eigenlm.load(tmp_path / written).model(ids(1, 6)), lm.model(ids(1, 6))
        torch.testing.assert_close(got, want, rtol=0, atol=1e-4)  # factors multiplied out in float32


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--tokens", "2"], "tokens: expected at least 4, got 2"),
        (["--seed", "-1"], "seed: expected"),
    ],
)
def test_what_does_not_fit_is_told(
    tiny_model: Path, tmp_path: Path, capsys: Capture, more: list[str], said: str
) -> None:
    assert main(["knob", str(tiny_model), "--out", str(tmp_path / "out"), *more]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_refused(folder: Path, tiny_model: Path, capsys: Capture) -> None:
    assert main(["knob", str(tiny_model), "--out", str(folder)]) == 2
    assert "expected a new or empty folder, got one in use" in capsys.readouterr().err


def test_a_knob_of_a_knob_is_refused(folder: Path, tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["knob", str(folder), "--text", str(tiny_text), "--tokens", "64", "--out", str(tmp_path / "k")]) == 2
    assert "making a knob: expected a model with dense matrices, got none" in capsys.readouterr().err
