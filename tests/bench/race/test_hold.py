"""Whole races: one that trains tiny models, and some with a stand-in for the trainer that writes what it would."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from eigenlm.bench.race import Race, RaceResult, hold_race, runs
from eigenlm.checkpoint.tokenizer_folder import read_tokenizer
from eigenlm.errors import ConfigError
from eigenlm.training import loop
from eigenlm.training.recipe import Recipe
from eigenlm.training.recipe_file import read_recipe
from eigenlm.training.training import Step
from eigenlm.training.watcher import Watcher
from tests.bench.race.simulated import RECIPES

MODEL = ["d_model=16", "attention.num_heads=2", "attention.num_kv_heads=2", "attention.head_dim=8"]
CHANGES = [f"model.{change}" for change in (*MODEL, "feed_forward.d_ff=32", "context_length=16")]
CHANGES += ["tokenizer.vocab_size=300", "train.steps=4", "train.batch_size=2", "train.precision=float32"]
CHANGES += ["train.eval_tokens=64", "data.validation=0.3", "schedule.warmup=1"]


@pytest.fixture
def race(tiny_text: Path) -> Race:
    recipe = read_recipe(RECIPES / "gpt_small.py", depth=1, changes=[*CHANGES, f"data.text={str(tiny_text)!r}"])
    return Race(recipe=recipe, optimizers=("adamw", "muon"), points=3, seeds=2, fractions=(0.5,))


def trainer(*, before: Callable[[str], None], diverges: Callable[[Recipe], bool]) -> Callable:
    """A trainer whose losses are pure functions of the recipe."""

    def train(recipe: Recipe, folder: Path, watcher: Watcher) -> None:
        before(folder.name)
        rate, seed, steps = recipe.optimizer.learning_rate, recipe.train.seed, recipe.train.steps
        nll = 4 + math.log2(rate / 2e-3) ** 2 / 10 + 0.01 * math.sin(seed) + 1 / steps
        step = Step(
            step=0,
            batch=0,
            loss=nll,
            gradient_norm=1.0,
            learning_rate=rate,
            num_tokens=1,
            taken=True,
            reading=None,
            alarms=[],
        )
        watcher.stepped(step, 0.1, 10.0, 0.5)
        lines = [{"step": i, "loss": nll, "taken": True} for i in range(steps)]
        if not diverges(recipe):
            lines.append({"step": steps, "validation": {"nll": nll}})
        for name, of in (("log", lines), ("timing", [{"step": i, "seconds": 0.1} for i in range(steps)])):
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in of))
        if diverges(recipe):
            raise ConfigError("step 3: expected a run that learns")

    return train


def losses(found: RaceResult) -> dict[str, list[float]]:
    return {entrant.optimizer: [run.nll for run in entrant.runs] for entrant in found.entrants}


def test_a_race_goes_on_where_it_was_stopped(race, tmp_path, monkeypatch):
    begun: list[str] = []

    def stop_at_the_fourth(name: str) -> None:
        begun.append(name)
        if len(begun) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", trainer(before=lambda _: None, diverges=lambda _: False))
    whole = hold_race(race, tmp_path / "whole")
    monkeypatch.setattr(runs, "train", trainer(before=stop_at_the_fourth, diverges=lambda _: False))
    with pytest.raises(KeyboardInterrupt):
        hold_race(race, tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "race.json").exists()
    again = hold_race(race, tmp_path / "stopped")
    assert losses(again) == losses(whole)
    assert len(begun) == whole.num_runs + 1  # the fourth alone was begun twice
    assert begun[3] == begun[4]
    more = hold_race(replace(race, seeds=3), tmp_path / "stopped")
    assert len(begun) == more.num_runs + 1  # what was there is not made again
    assert all(len(found) == 3 for found in losses(more).values())


def test_a_run_that_diverges_is_a_result(race, tmp_path, monkeypatch):
    """It is scored as a model that knows nothing, ln V."""
    monkeypatch.setattr(
        runs, "train", trainer(before=lambda _: None, diverges=lambda r: r.optimizer.learning_rate > 0.005)
    )
    found = hold_race(race, tmp_path)
    muon = next(entrant for entrant in found.entrants if entrant.optimizer == "muon")
    last = muon.sweep[-1]
    assert (last.diverged, last.run.learning_rate) == (True, pytest.approx(8e-3))
    vocab_size = read_tokenizer(tmp_path / "tokenizer").vocab_size
    assert last.nll == math.log(vocab_size)
    assert muon.num_diverged == 0


def test_an_error_before_the_first_step_is_no_divergence(race, tmp_path):
    bad = replace(race, recipe=replace(race.recipe, schedule=replace(race.recipe.schedule, warmup=9)))
    with pytest.raises(ConfigError, match="warmup"):
        hold_race(bad, tmp_path)


def test_the_folder_of_another_recipe_is_refused(race, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "train", trainer(before=lambda _: None, diverges=lambda _: False))
    hold_race(race, tmp_path)
    other = replace(race, recipe=replace(race.recipe, train=replace(race.recipe.train, batch_size=3)))
    with pytest.raises(ConfigError, match=r"train\.batch_size = 2"):
        hold_race(other, tmp_path)


def test_runs_share_tokens_weights_and_order_and_leave_logs_alone(race, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "product_rate", lambda *_: 1.0)  # the machine's speed takes longer to measure than a run
    found = hold_race(race, tmp_path)
    written = json.loads((tmp_path / "race.json").read_text())
    assert [entrant["optimizer"] for entrant in written["entrants"]] == [e.optimizer for e in found.entrants]
    assert (tmp_path / "race.html").stat().st_size > 1e6  # Plotly is in it
    folders = sorted((tmp_path / "runs").iterdir())
    assert len(folders) == found.num_runs
    first: dict[str, set[float]] = {}
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        assert {"log.jsonl", "timing.jsonl", "result.json", "recipe.json"} <= names
        assert not names & {"snapshots", "model", "shards", "tokenizer"}
        line = json.loads((folder / "log.jsonl").read_text().splitlines()[0])
        first.setdefault(folder.name[-len("seed0") :], set()).add(line["loss"])
    # Runs of one seed begin with the same weights on the same batch: the first loss is the same to the bit.
    assert len(first) == 3
    assert all(len(values) == 1 for values in first.values())
