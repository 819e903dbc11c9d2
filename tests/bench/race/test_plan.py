import pytest

from eigenlm.allowed import optimizer_kinds
from eigenlm.bench.race.plan import Run, recipe_of, with_length
from eigenlm.errors import ConfigError
from eigenlm.training.schedules import factor
from tests.bench.race.simulated import plan


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizers": ("adamw",)}, "two or more"),
        ({"optimizers": ("adamw", "adamw")}, "two or more"),
        ({"target": "adam"}, "takes part"),
        ({"points": 2}, "at least 3"),
        ({"seeds": 1}, "no interval is possible"),
        ({"fractions": (1.5,)}, "between 0 and 1"),
    ],
)
def test_what_makes_no_race_is_told(changes, words):
    with pytest.raises(ConfigError, match=words):
        plan(**changes)


def test_names_of_optimizers():
    assert optimizer_kinds("AdamW, muon,soap") == ("adamw", "muon", "soap")
    with pytest.raises(ConfigError, match="did you mean 'shampoo'"):
        optimizer_kinds("adamw,shampo")


def test_a_shorter_schedule_has_the_same_shape():
    recipe = plan().recipe
    half = with_length(recipe, recipe.train.steps // 2)
    whole = [factor(step, recipe.train.steps, recipe.schedule) for step in range(1, recipe.train.steps, 2)]
    short = [factor(step, half.train.steps, half.schedule) for step in range(half.train.steps)]
    assert short == pytest.approx(whole, abs=0.02)  # steps of the warm-up are whole numbers


def test_runs_differ_in_what_is_raced_only():
    race = plan()
    runs = [
        Run(optimizer=kind, learning_rate=0.1, other_learning_rate=0.2, steps=race.steps, seed=3)
        for kind in ("adamw", "muon")
    ]
    first, second = (recipe_of(run, race.recipe) for run in runs)
    for name in ("model", "tokenizer", "data", "schedule", "train", "telemetry"):
        assert getattr(first, name) == getattr(second, name)
    assert (first.train.seed, first.train.eval_every, first.telemetry.rollback) == (3, race.steps, False)
    assert (second.optimizer.kind, second.optimizer.learning_rate, second.optimizer.other_learning_rate) == (
        "muon",
        0.1,
        0.2,
    )
    assert first.optimizer.weight_decay == second.optimizer.weight_decay == race.recipe.optimizer.weight_decay
