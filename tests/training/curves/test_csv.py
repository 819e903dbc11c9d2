"""The table holds what the log holds, whatever happened on the way."""

import csv
from pathlib import Path

import pytest

from eigenlm.training import train, with_changes
from eigenlm.training.curves.csv import Table
from eigenlm.training.training import Step
from eigenlm.training.watcher import Watcher
from tests.training.tiny_run import log_of, tiny_recipe

pytestmark = pytest.mark.usefixtures("no_rates")


class Killer(Watcher):
    """Ends the run after a step, where nothing is saved."""

    def stepped(self, step: Step, seconds: float, tokens_per_second: float, mfu: float) -> None:
        if step.step == 4:
            raise KeyboardInterrupt


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "curves.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_killed_run_comes_to_the_same_table(documents: Path, tmp_path: Path) -> None:
    few = (
        "train.steps=6",
        "train.eval_every=3",
        "train.eval_tokens=64",
        "train.sample_every=0",
        "train.micro_batch_size=None",
    )
    recipe = tiny_recipe(documents, *few, "train.curves=csv")
    train(recipe, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "parts", watcher=Killer())
    assert rows(tmp_path / "parts")[-1]["step"] == "4"  # one beyond the snapshot of step 3
    train(with_changes(recipe, ["train.curves=tensorboard,csv"]), tmp_path / "parts")
    assert (tmp_path / "parts" / "tensorboard").exists()
    whole = (tmp_path / "whole" / "curves.csv").read_bytes()
    assert (tmp_path / "parts" / "curves.csv").read_bytes() == whole
    assert not (tmp_path / "whole" / "tensorboard").exists()

    table, log = rows(tmp_path / "whole"), log_of(tmp_path / "whole")
    losses = [float(row["value"]) for row in table if row["curve"] == "train/loss"]
    assert losses == [line["loss"] for line in log if "loss" in line]
    scores = [(int(row["step"]), float(row["value"])) for row in table if row["curve"] == "validation/nll"]
    assert scores == [(line["step"], line["validation"]["nll"]) for line in log if "validation" in line]
    norms = [float(row["value"]) for row in table if row["curve"] == "spectral_norm/blocks.1.attention.query"]
    readings = [line["telemetry"]["matrices"] for line in log if "telemetry" in line]
    assert norms == [it["blocks.1.attention.query"]["spectral_norm"] for it in readings if it]
    assert not any(row["curve"].startswith("speed/") for row in table)

    (tmp_path / "whole" / "curves.csv").unlink()  # as if it was not asked for until now
    Table(tmp_path / "whole").close()
    assert (tmp_path / "whole" / "curves.csv").read_bytes() == whole


def test_numbers_that_are_none(tmp_path: Path) -> None:
    line = '{"step": 0, "batch": 0, "loss": "nan", "gradient_norm": "inf", "learning_rate": 0.001, "taken": false}\n'
    (tmp_path / "log.jsonl").write_text(line)
    Table(tmp_path).close()
    assert [row["value"] for row in rows(tmp_path)] == ["nan", "inf", "0.001"]
