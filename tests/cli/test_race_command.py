import json
from pathlib import Path

import pytest

from eigenlm.cli import program
from tests.bench.race import simulated

RECIPE = str(simulated.RECIPES / "gpt_small.py")


@pytest.fixture
def asked(monkeypatch) -> list:
    """What the command asks for; the races are simulated."""
    plans: list = []

    def hold(plan, folder):
        plans.append((plan, folder))
        return simulated.result(simulated.plan(*plan.optimizers))

    monkeypatch.setattr("eigenlm.bench.race.hold_race", hold)
    return plans


def test_it_asks_for_the_race_of_its_options_and_prints_a_table(asked, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("some.txt").touch()
    words = [
        "race",
        RECIPE,
        "--optimizers",
        "adamw,muon",
        "--steps",
        "50",
        "--points",
        "4",
        "--seeds",
        "2",
        "--depth",
        "2",
    ]
    assert program.main([*words, "--text", "some.txt", "--set", "train.batch_size=4"]) == 0
    plan, folder = asked[0]
    assert (plan.optimizers, plan.steps, plan.points, plan.seeds) == (("adamw", "muon"), 50, 4, 2)
    assert (plan.recipe.data.text, plan.recipe.train.batch_size, plan.recipe.model.num_layers) == ("some.txt", 4, 2)
    assert plan.recipe.schedule.warmup == 5  # 100 of 1,000 steps in the recipe
    assert folder == Path("races") / "gpt-small-2"
    printed = capsys.readouterr().out
    assert "muon" in printed
    assert "race.html" in printed


def test_json_is_one_object(asked, capsys):
    assert program.main(["race", RECIPE, "--optimizers", "adamw,muon", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entrant["optimizer"] for entrant in found["entrants"]] == ["muon", "adamw"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--optimizers", "adamw,muno"], "did you mean 'muon'"),
        (["--seeds", "1"], "no interval is possible"),
        (["--target", "sgd"], "takes part"),
        (["--points", "1"], "at least 3"),
        (["--steps", "0"], "at least 1"),
    ],
)
def test_what_makes_no_race_is_one_line(asked, capsys, words, said):
    assert program.main(["race", RECIPE, *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not asked
