"""Plans: within budget, saved and read whole, refused where they do not belong; applied, the model they promise."""

import json

import pytest
import torch

from eigenlm.compression import Plan, apply_, plan
from eigenlm.errors import CheckpointError, ConfigError, DataError
from eigenlm.model import InterpolativeLinear
from eigenlm.observe import linears
from tests.model.test_transformer import LLAMA, build, ids

WINDOWS = ids(8, 16, seed=1)


@pytest.fixture(scope="module")
def half():
    return plan(build(LLAMA), WINDOWS, keep=0.5, model="tiny", text="numbers")


@pytest.fixture
def saved(half, tmp_path):
    half.save(tmp_path / "plan.json")
    return tmp_path / "plan.json"


def test_a_plan_keeps_to_its_budget(half):
    model = build(LLAMA)
    total = sum(layer.weight.numel() for layer in linears(model).values())
    assert half.num_params_before == total
    assert 0.4 * total < half.num_params_after <= 0.5 * total
    apply_(model, half)
    after = sum(layer.num_params for layer in model.modules() if hasattr(layer, "dense"))
    assert after == half.num_params_after


def test_applied_layers_are_the_planned_products(half):
    model, dense = build(LLAMA), linears(build(LLAMA))
    apply_(model, half)
    for action in half.actions:
        layer = model.get_submodule(action.name)
        if action.rank is None:
            assert torch.equal(layer.dense(), dense[action.name].weight)
        else:
            B, A = half.factors[action.name]
            assert isinstance(layer, InterpolativeLinear)
            torch.testing.assert_close(layer.dense(), B @ A, rtol=1e-4, atol=1e-4)  # re-coded by rows, float32


def test_keeping_everything_changes_nothing():
    model, tokens = build(LLAMA), ids(1, 6)
    before = model(tokens)
    whole = plan(model, WINDOWS, keep=1.0)
    apply_(model, whole)
    assert torch.equal(model(tokens), before)
    assert whole.forecast.nll_increase == 0.0


def test_less_kept_costs_more():
    plans = [plan(build(LLAMA), WINDOWS, keep=keep) for keep in (0.9, 0.6, 0.3)]
    losses = [sum(action.loss for action in each.actions) for each in plans]
    assert losses == sorted(losses)
    assert losses[0] > 0


def test_a_plan_survives_saving(half, saved):
    read = Plan.load(saved)
    assert read == half
    assert all(torch.equal(a, b) for name in half.factors for a, b in zip(read.factors[name], half.factors[name]))
    json.loads(saved.read_text())


@pytest.mark.parametrize("keep", [0.0, -1.0, 1.5, float("nan")])
def test_keep_is_a_fraction(keep):
    with pytest.raises(ConfigError, match=r"\(0, 1\]"):
        plan(build(LLAMA), WINDOWS, keep=keep)


def test_one_window_is_too_little():
    with pytest.raises(DataError, match="at least 2 windows"):
        plan(build(LLAMA), WINDOWS[:1], keep=0.5)


def test_a_plan_for_other_weights_is_refused_and_nothing_changes(half):
    other, tokens = build(LLAMA), ids(1, 6)
    with torch.no_grad():
        other.blocks[1].feed_forward.down.weight.mul_(1.5)
    before = other(tokens)
    with pytest.raises(CheckpointError, match=r"blocks\.1\.feed_forward\.down of norm"):
        apply_(other, half)
    assert torch.equal(other(tokens), before)


def test_a_plan_for_another_shape_is_refused(half):
    other = build(LLAMA)
    del other.blocks[1]
    with pytest.raises(CheckpointError, match="no such layer"):
        apply_(other, half)


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_text("{"), "written by"),
        (lambda path: path.write_text("[]"), "something else"),
        (lambda path: path.with_suffix(".safetensors").unlink(), "no such file"),
        (lambda path: _truncate(path.with_suffix(".safetensors")), "other bytes"),
    ],
)
def test_damaged_plans_are_refused_in_one_line(saved, harm, said):
    harm(saved)
    with pytest.raises(CheckpointError, match=said) as refused:
        Plan.load(saved)
    assert "\n" not in str(refused.value)
