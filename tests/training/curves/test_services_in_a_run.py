"""wandb and MLflow, by stand-ins of the same signatures: a killed run is one run there, and each step is there once."""

import json
import sys
from pathlib import Path

import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.training import train
from eigenlm.training.curves import check_curves, open_curves
from eigenlm.training.run_folder import settle_recipe
from tests.training.curves.test_service import show, write_log
from tests.training.tiny_run import tiny_recipe

STEPS = [(i, i / 2) for i in range(7)]


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("wandb", "mlflow", "eigenlm.training.curves.wandb", "eigenlm.training.curves.mlflow")
    for name in [name for name in sys.modules if name.startswith(names)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(Path(__file__).parent / "stand_ins")
    monkeypatch.setenv("WANDB_MODE", "offline")


@pytest.fixture
def folder(documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a run of which nothing is there but its recipe and an empty log."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "points.jsonl"))
    settle_recipe(tiny_recipe(documents), tmp_path, torch.device("cpu"))
    (tmp_path / "log.jsonl").touch()
    return tmp_path


def killed_and_resumed(folder: Path, name: str) -> list[dict]:
    """What a service was told of seven steps, of which two were made twice."""
    show(open_curves(name, folder, 0), range(5))
    write_log(folder, 3)
    curves = open_curves(name, folder, 3)
    show(curves, range(3, 7))
    curves.text("sample", "Words", 7)
    curves.close()
    return [json.loads(line) for line in (folder / "points.jsonl").read_text().splitlines()]


def test_wandb(folder: Path) -> None:
    told = killed_and_resumed(folder, "wandb")
    begun = [line for line in told if "run" in line]
    assert [line["resume"] for line in begun] == [None, "allow"]
    assert begun[0]["run"] == begun[1]["run"]
    assert begun[0] == {**begun[1], "resume": None, "project": "eigenlm", "name": "tiny", "steps": 12}
    assert [(line["step"], line["train/loss"]) for line in told if "train/loss" in line] == STEPS
    assert told[-1] == {"sample": "Words", "step": 7}


def test_mlflow(folder: Path) -> None:
    told = killed_and_resumed(folder, "mlflow")
    run = {"run": "0123"}
    assert all(line["run"] == "0123" for line in told if "run" in line)
    assert [line["begun"] for line in told if "begun" in line] == ["tiny"]
    assert {"run": "0123", "key": "optimizer.learning_rate", "value": "0.003"} in told
    assert [(line["step"], line["value"]) for line in told if line.get("key") == "train/loss"] == STEPS
    assert told[-2:] == [{**run, "text": "Words", "file": "sample/7.txt"}, {**run, "status": "FINISHED"}]


def test_a_service_that_takes_no_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE")
    with pytest.raises(ConfigError, match=r"expected wandb to take the run, got api_key not .*; run wandb login, or"):
        open_curves("wandb", folder, 0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(folder / "nowhere" / "points"))
    with pytest.raises(ConfigError, match=r"expected mlflow to take the run, got .* set MLFLOW_TRACKING_URI"):
        open_curves("mlflow", folder, 0)


def test_a_package_that_is_not_there(documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not path.endswith("stand_ins")])
    monkeypatch.setattr("eigenlm.training.curves.kinds.find_spec", lambda name: None)
    told = r"expected wandb to be installed, got no such package; run: pip install 'eigenlm\[wandb\]'"
    with pytest.raises(ConfigError, match=told):
        train(tiny_recipe(documents, "train.curves=wandb,csv"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_the_name_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    (tmp_path / "wandb").mkdir()
    with pytest.raises(ConfigError, match="expected wandb to be installed"):
        check_curves(["wandb"])
