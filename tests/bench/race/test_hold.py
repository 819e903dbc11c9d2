"""A whole race of tiny models: exact, shared in its data, and going on where it was stopped."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from eigenlm.bench.race import Race, hold_race, runs
from eigenlm.errors import ConfigError
from eigenlm.train.read_recipe import read_recipe
from eigenlm.train.recipe import Recipe
from tests.bench.race.simulated import RECIPES

CHANGES = ["d_model=16", "attention.num_heads=2", "attention.num_kv_heads=2", "attention.head_dim=8"]
CHANGES = [f"model.{change}" for change in (*CHANGES, "feed_forward.d_ff=32", "context_length=16")]
CHANGES += ["tokenizer.vocab_size=300", "train.steps=4", "train.batch_size=2", "train.precision=float32"]
CHANGES += ["train.eval_tokens=64", "data.validation=0.3", "schedule.warmup=1", "telemetry.every=0"]


@pytest.fixture
def race(tiny_text: Path) -> Race:
    recipe = read_recipe(RECIPES / "gpt2.py", depth=1, changes=[*CHANGES, f"data.text={str(tiny_text)!r}"])
    return Race(recipe=recipe, optimizers=("adamw", "muon"), points=3, seeds=2, fractions=(0.5,))


def losses(found) -> dict[str, list[float]]:
    return {entrant.optimizer: [run.nll for run in entrant.runs] for entrant in found.entrants}


def test_a_race_goes_on_where_it_was_stopped(race, tmp_path, monkeypatch):
    whole = hold_race(race, tmp_path / "whole")
    made, train = [], runs.train

    def stop_at_the_fourth(recipe: Recipe, folder: Path, **given):
        made.append(folder.name)
        if len(made) == 4:
            raise KeyboardInterrupt
        return train(recipe, folder, **given)

    monkeypatch.setattr(runs, "train", stop_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        hold_race(race, tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "race.json").exists()
    again = hold_race(race, tmp_path / "stopped")
    assert losses(again) == losses(whole)
    assert sorted(made) == sorted([*{*made}, made[3]])  # the fourth alone was begun twice
    assert len({*made}) == whole.num_runs


def test_runs_share_tokens_and_leave_logs_alone(race, tmp_path):
    found = hold_race(race, tmp_path)
    written = json.loads((tmp_path / "race.json").read_text())
    assert [entrant["optimizer"] for entrant in written["entrants"]] == [e.optimizer for e in found.entrants]
    assert (tmp_path / "race.html").stat().st_size > 1e6  # Plotly is in it
    folders = sorted((tmp_path / "runs").iterdir())
    assert len(folders) == found.num_runs
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        assert {"log.jsonl", "timing.jsonl", "result.json", "recipe.json"} <= names
        assert not names & {"snapshots", "model", "shards", "tokenizer"}
    # Runs of one seed begin with the same weights on the same batch: the first loss is the same to the bit.
    first = {
        folder.name: json.loads((folder / "log.jsonl").read_text().splitlines()[0])["loss"]
        for folder in folders
        if folder.name.endswith("seed0")
    }
    assert len(first) >= 6
    assert len({*first.values()}) == 1


def test_a_run_that_diverges_is_a_result(race, tmp_path, monkeypatch):
    """A loss without a number in every step stops `train`; the race scores it as a model that knows nothing."""
    train = runs.train

    def diverge(recipe: Recipe, folder: Path, watcher):
        if recipe.optimizer.kind == "muon" and recipe.optimizer.learning_rate > 0.005:
            outcome = train(recipe, folder, watcher=watcher)
            raise ConfigError(f"step {outcome.step}: expected a run that learns")
        return train(recipe, folder, watcher=watcher)

    monkeypatch.setattr(runs, "train", diverge)
    muon = next(e for e in hold_race(race, tmp_path).entrants if e.optimizer == "muon")
    assert [run.diverged for run in muon.sweep][-1]
    assert muon.num_diverged == 0


def test_an_error_before_the_first_step_is_no_divergence(race, tmp_path):
    bad = replace(race, recipe=replace(race.recipe, schedule=replace(race.recipe.schedule, warmup=9)))
    with pytest.raises(ConfigError, match="warmup"):
        hold_race(bad, tmp_path)


def test_the_folder_of_another_recipe_is_refused(race, tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps({"asked": {}, "settled": {}}))
    with pytest.raises(ConfigError):
        hold_race(race, tmp_path)
