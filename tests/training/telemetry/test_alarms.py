import json
import random

import pytest
import torch

from eigenlm.errors import CheckpointError
from eigenlm.training.recipe import TelemetryRecipe
from eigenlm.training.telemetry import Alarms, MatrixReading, Reading, SharpnessReading, Totals

RECIPE = TelemetryRecipe(every=5, spectrum_every=5)
ROW = MatrixReading(spectral_norm=1.0, frobenius_norm=4.0, stable_rank=16.0, update_ratio=1e-3, gradient_norm=0.1)


def reading(step, hessian=None, **changes):
    rows = dict.fromkeys(("a", "b", "c"), ROW)
    rows["a"] = MatrixReading(**{**vars(ROW), **changes})
    totals = Totals(weight_norm=7.0, update_ratio=1e-3, gradient_norm=0.2, noise_scale=None, noise_source=None)
    return Reading(step=step, matrices=rows, totals=totals, spectrum=None, hessian=hessian)


def hear(ear, steps, loss=lambda step: 3.0, of=lambda step: None):
    return [alarm for step in steps for alarm in ear.check(step, loss=loss(step), gradient_norm=1.0, reading=of(step))]


@pytest.fixture(scope="module")
def healthy_recipe():
    return TelemetryRecipe(every=5, spectrum_every=5, hessian_every=0)


@pytest.mark.parametrize("learning_rate", [1e-3, 5e-3])
def test_healthy_training_is_quiet(new_run, healthy_recipe, learning_rate):
    run = new_run(healthy_recipe, learning_rate=learning_rate).go(150)
    assert run.alarms == []
    assert len(run.readings) == 30


def test_a_learning_rate_a_hundred_times_too_large_is_heard(new_run, healthy_recipe):
    def burn(run, step):
        run.learning_rate = 5e-3 if step <= 60 else 0.5

    alarms = new_run(healthy_recipe).go(75, burn).alarms
    # The loss of so small a model is too noisy to tell a moderate rise; the matrices tell at the next reading.
    exploded = {alarm.matrix for alarm in alarms if alarm.kind == "spectral explosion" and alarm.step == 65}
    assert {"embedding.token", "blocks.0.attention.query", "blocks.1.feed_forward.down"} <= exploded
    assert all(alarm.step > 60 for alarm in alarms)


def test_nan_is_heard_at_once_and_every_time(new_run, healthy_recipe):
    def spoil(run, step):
        if step == 12:
            with torch.no_grad():
                run.model.blocks[0].feed_forward.up.weight[0, 0] = torch.nan

    alarms = new_run(healthy_recipe).go(14, spoil).alarms
    severe = [alarm for alarm in alarms if alarm.severe]
    assert [alarm.step for alarm in severe] == [12, 12, 13, 13, 14, 14]  # the loss and the gradient
    assert {alarm.kind for alarm in severe} == {"not finite"}
    assert "at step 12" in severe[0].message


def test_a_matrix_driven_to_rank_one_is_heard_by_name(new_run, healthy_recipe):
    def flatten(run, step):
        if step > 20:
            W = run.model.blocks[1].attention.value.weight
            U, S, Vh = torch.linalg.svd(W.detach())
            S[1:] *= 0.3
            W.data.copy_(U * S @ Vh)

    alarms = new_run(healthy_recipe).go(40, flatten).alarms
    assert {(alarm.kind, alarm.matrix) for alarm in alarms} >= {("rank collapse", "blocks.1.attention.value")}
    assert next(alarm.step for alarm in alarms if alarm.kind == "rank collapse") <= 30


def test_one_odd_batch_is_no_spike_and_three_are_one():
    draw = random.Random(0)
    usual = {step: 3 + 0.02 * draw.gauss(0, 1) for step in range(1, 200)}
    once = hear(Alarms(RECIPE), range(1, 100), lambda step: 9.0 if step in (50, 52, 60) else usual[step])
    assert once == []
    alarms = hear(Alarms(RECIPE), range(1, 100), lambda step: 4.0 if step >= 50 else usual[step])
    assert [(alarm.step, alarm.kind, alarm.severe) for alarm in alarms] == [(52, "loss spike", True)]
    assert "since step 50" in alarms[0].message
    assert hear(Alarms(RECIPE), range(1, 200), lambda step: usual[step]) == []


def test_a_loss_that_starts_high_and_falls_is_no_spike():
    assert hear(Alarms(RECIPE), range(1, 300), lambda step: 10 / step**0.5 + 2) == []


@pytest.mark.parametrize(
    ("kind", "changes", "heard_at"),
    [
        ("large update", {"update_ratio": 0.5}, 60),
        ("dead update", {"update_ratio": 0.0}, 60),
        ("spectral explosion", {"spectral_norm": 5.0}, 50),
        ("rank collapse", {"stable_rank": 1.01}, 50),
    ],
)
def test_each_condition_is_told_once_while_it_lasts_and_again_after_it_ended(kind, changes, heard_at):
    def of(step):
        return None if step % 5 else reading(step, **(changes if 50 <= step < 70 or step >= 115 else {}))

    alarms = hear(Alarms(RECIPE), range(1, 140), of=of)
    assert [(alarm.step, alarm.kind, alarm.matrix) for alarm in alarms] == [
        (heard_at, kind, "a"),
        (heard_at + 65, kind, "a"),
    ]
    assert "since step 50" in alarms[0].message
    assert all("\n" not in alarm.message + alarm.advice for alarm in alarms)


def test_a_model_that_no_longer_moves_is_heard():
    def of(step):
        still = reading(step, update_ratio=0.0)
        totals = Totals(weight_norm=7.0, update_ratio=0.0, gradient_norm=0.0, noise_scale=None, noise_source=None)
        return Reading(step=step, matrices=still.matrices, totals=totals, spectrum=None, hessian=None)

    alarms = hear(Alarms(RECIPE), range(5, 60, 5), of=of)
    assert [(alarm.step, alarm.kind, alarm.matrix) for alarm in alarms if alarm.matrix is None] == [
        (15, "dead update", None)
    ]


def test_sharpness_above_two_over_the_learning_rate_is_heard():
    def of(step):
        top = SharpnessReading(eigenvalue=2.5 if step > 10 else 1.5, residual=0.0, products=3, limit=2.0)
        return reading(step, hessian=top)

    alarms = hear(Alarms(RECIPE), range(5, 30, 5), of=of)
    assert [(alarm.step, alarm.kind) for alarm in alarms] == [(15, "sharpness")]


@pytest.mark.parametrize("cut", [30, 51, 57])
def test_resumed_alarms_are_the_same(cut):
    def loss(step):
        return 4.0 if step >= 50 else 3.0

    def of(step):
        return None if step % 5 else reading(step, update_ratio=0.5 if step >= 50 else 1e-3)

    whole = hear(Alarms(RECIPE), range(1, 80), loss, of)
    first, second = Alarms(RECIPE), Alarms(RECIPE)
    heard = hear(first, range(1, cut), loss, of)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert heard + hear(second, range(cut, 80), loss, of) == whole
    assert len(whole) == 2


def test_another_state_is_refused():
    with pytest.raises(CheckpointError, match="alarm state"):
        Alarms(RECIPE).load_state_dict({"losses": []})
