"""Plans of matrices on a trellis: within budget, refused where damaged, and the same model from a folder."""

import dataclasses

import pytest
import torch

from eigenlm.checkpoint import read_model, write_folder
from eigenlm.compression import Plan, apply_, plan
from eigenlm.errors import CheckpointError, ConfigError
from eigenlm.linear import linear_maps
from tests.model.test_transformer import LLAMA, build, ids

WINDOWS = ids(8, 16, seed=1)
KEEP = 0.14


@pytest.fixture(scope="module")
def made():
    return plan(build(LLAMA), WINDOWS, keep=KEEP, methods=("trellis",), model="tiny", text="numbers")


def on_trellis(made):
    return [each for each in made.actions if each.action.kind == "trellis"]


def test_a_planned_model_is_the_same_from_a_folder(made, tmp_path):
    assert on_trellis(made)
    assert made.num_bytes_after <= KEEP * made.num_bytes_before
    model, tokens = build(LLAMA), ids(2, 9)
    apply_(model, made)
    write_folder(tmp_path / "m", model)
    again = read_model(tmp_path / "m").model
    assert {each.name for each in on_trellis(made)} == {
        name for name, layer in linear_maps(again).items() if layer.kind == "trellis"
    }
    assert torch.equal(again(tokens), model(tokens))


def test_a_plan_survives_saving(made, tmp_path):
    made.save(tmp_path / "plan.json")
    read = Plan.load(tmp_path / "plan.json")
    assert read == made
    ours, theirs = build(LLAMA), build(LLAMA)
    apply_(ours, made)
    apply_(theirs, read)
    assert torch.equal(ours(ids(1, 6)), theirs(ids(1, 6)))


@pytest.mark.parametrize(
    ("field", "number", "said"),
    [
        ("bits", 5, "bits: expected one of 2, 3, 4, 8, got 5"),
        ("group", 0, "group: expected 1 or more, got 0"),
        ("apart", -1, "apart: expected 0 or more, got -1"),
    ],
)
def test_actions_that_cannot_be_done_are_refused(made, field, number, said):
    first = on_trellis(made)[0]
    action = dataclasses.replace(first.action, **{field: number})
    edited = dataclasses.replace(made, actions=(dataclasses.replace(first, action=action),))
    with pytest.raises(ConfigError, match=said):
        edited.check()


def test_bytes_of_another_matrix_are_refused(made):
    name = on_trellis(made)[0].name
    rows, apart = made.factors[name]["rows"], made.factors[name]["apart"]
    for part, others in {"rows": (rows[:, 1:], rows.to(torch.int16)), "apart": (apart[:, 1:],)}.items():
        for other in others:
            spoiled = dataclasses.replace(made, factors={**made.factors, name: made.factors[name] | {part: other}})
            with pytest.raises(CheckpointError, match=f"plan for {name}, {part}: expected bytes .*; plan anew"):
                spoiled.check()


def test_fewer_bits_cost_more():
    plans = [plan(build(LLAMA), WINDOWS, keep=keep, methods=("trellis",)) for keep in (0.12, 0.16, 0.25)]
    losses = [sum(each.loss for each in made.actions) for made in plans]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 2


def test_a_layer_on_a_trellis_is_planned_for_again(made):
    model = build(LLAMA)
    apply_(model, made)
    again = plan(model, WINDOWS, keep=0.8, methods=("trellis",))
    assert again.num_bytes_before == made.num_bytes_after
    assert again.num_bytes_after <= 0.8 * again.num_bytes_before
    apply_(model, again)
    assert model(ids(1, 6)).isfinite().all()
