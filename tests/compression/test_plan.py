"""Plans: within budget, saved and read whole, refused where they do not belong; applied, the model they promise."""

import copy
import dataclasses
import json
import math

import pytest
import torch

from eigenlm.compression import Plan, apply_, plan
from eigenlm.errors import CheckpointError, ConfigError, DataError
from eigenlm.model import InterpolativeLinear
from eigenlm.observe import linears
from tests.model.test_transformer import BERT, LLAMA, build, ids
from tests.observe.test_foreign import drawn, gpt2, gpt_oss, mixtral

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
    after = sum(layer.num_params for layer in linears(model).values())
    assert after == half.num_params_after


def test_applied_layers_are_the_planned_products(half):
    model, dense = build(LLAMA), linears(build(LLAMA))
    apply_(model, half)
    for action in half.actions:
        layer = model.get_submodule(action.name)
        if action.rank is None:
            assert torch.equal(layer.dense(), dense[action.name].weight)
        else:
            B, A = half.factors[action.name].values()
            assert isinstance(layer, InterpolativeLinear)
            torch.testing.assert_close(layer.dense(), B @ A, rtol=1e-4, atol=1e-4)  # re-coded by rows, float32


def test_keeping_everything_changes_nothing():
    model, tokens = build(LLAMA), ids(1, 6)
    before = model(tokens)
    whole = plan(model, WINDOWS, keep=1.0)
    apply_(model, whole)
    assert torch.equal(model(tokens), before)
    assert whole.forecast.value == 0.0


def test_less_kept_costs_more():
    plans = [plan(build(LLAMA), WINDOWS, keep=keep) for keep in (0.9, 0.6, 0.3)]
    losses = [sum(action.loss for action in each.actions) for each in plans]
    assert losses == sorted(losses)
    assert losses[0] > 0


def test_a_plan_survives_saving(half, saved):
    read = Plan.load(saved)
    assert read == half
    assert all(
        torch.equal(a, b)
        for name in half.factors
        for a, b in zip(map(read.factors[name].get, "BA"), map(half.factors[name].get, "BA"))
    )
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


def _without_factors(plan):
    return dataclasses.replace(plan, factors={})


def test_a_plan_without_its_factors_is_an_error_and_changes_nothing(half):
    model, tokens = build(LLAMA), ids(1, 6)
    before = model(tokens)
    with pytest.raises(CheckpointError, match=r"expected tensors B, A of blocks\..*, got none of that name; keep"):
        apply_(model, _without_factors(half))
    assert torch.equal(model(tokens), before)


def _edited(saved, edit):
    content = json.loads(saved.read_text())
    edit(content["plan"]["actions"])
    saved.write_text(json.dumps(content))
    return saved


@pytest.mark.parametrize(
    ("edit", "error", "said"),
    [
        (lambda a: a[0]["action"].update(kind="low_rnk"), ConfigError, "got 'low_rnk'; did you mean 'low_rank'"),
        (
            lambda a: a[0]["action"].update(kind="low_rank", rank=900),
            ConfigError,
            "query, rank: expected 0 to 16, got 900",
        ),
        (lambda a: a[0]["action"].update(kind="low_rank", rank=-1), ConfigError, "rank: expected 0 to 16, got -1"),
        (lambda a: a[0]["action"].update(kind="low_rank", rank="2"), ConfigError, "rank: expected int, got '2'"),
        (lambda a: a[0].update(action={"kind": "low_rank"}), ConfigError, "field 'rank'"),
        (lambda a: a[0].pop("action"), ConfigError, "expected field 'action', got nothing"),
        (lambda a: a[0].pop("rows"), ConfigError, "field 'rows'"),
        (lambda a: a[0].update(loss="dear"), ConfigError, "loss: expected float, got 'dear'"),
        (lambda a: a.append(a[0]), ConfigError, "two for blocks"),
        (lambda a: a.append(1), ConfigError, "expected a mapping of fields, got 1"),
    ],
)
def test_an_edited_plan_is_checked(saved, edit, error, said):
    with pytest.raises(error, match=said) as refused:
        Plan.load(_edited(saved, edit))
    assert "\n" not in str(refused.value)


def test_a_rank_above_that_of_the_factors_is_refused(saved, half):
    i = next(i for i, each in enumerate(half.actions) if each.rank is not None and each.rank < 16)
    with pytest.raises(CheckpointError, match=f"rank: expected at most {half.actions[i].rank}, that of the factors"):
        Plan.load(_edited(saved, lambda actions: actions[i]["action"].update(rank=16)))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_factors_that_are_not_finite_are_refused_by_name(half, tmp_path, bad):
    name = next(iter(half.factors))
    B = half.factors[name]["B"].clone()
    B[0, 0] = bad
    spoiled = dataclasses.replace(half, factors={**half.factors, name: half.factors[name] | {"B": B}})
    spoiled.save(tmp_path / "plan.json")
    with pytest.raises(CheckpointError, match=f"plan for {name}, tensor B: expected finite numbers, got NaN or inf"):
        Plan.load(tmp_path / "plan.json")
    model = build(LLAMA)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match="expected finite numbers"):
        apply_(model, spoiled)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_lower_rank_may_be_written_into_a_plan(saved, half):
    i = next(i for i, each in enumerate(half.actions) if each.rank is not None and each.rank > 1)
    edited = Plan.load(_edited(saved, lambda actions: actions[i]["action"].update(rank=1)))
    model = build(LLAMA)
    apply_(model, edited)
    B, A = (half.factors[half.actions[i].name][part] for part in "BA")
    layer = model.get_submodule(half.actions[i].name)
    torch.testing.assert_close(layer.dense(), B[:, :1] @ A[:1], rtol=1e-4, atol=1e-4)  # re-coded by rows, float32
    assert edited.num_params_after < half.num_params_after


def test_a_plan_for_an_unknown_layer_names_the_nearest(saved):
    edited = Plan.load(
        _edited(saved, lambda actions: actions[0].update(name="blocks.0.attention.quary", action={"kind": "keep"}))
    )
    with pytest.raises(CheckpointError, match=r"no such layer; did you mean 'blocks\.0\.attention\.query'\?"):
        apply_(build(LLAMA), edited)


def test_a_plan_for_a_layer_that_is_already_something_else_is_refused(half):
    model = build(LLAMA)
    apply_(model, half)
    with pytest.raises(
        CheckpointError, match="of kind dense, got interpolative; apply it to its own model, or plan anew"
    ):
        apply_(model, half)


@pytest.mark.parametrize("version", [1, 2])
def test_a_plan_of_an_older_version_still_works(half, saved, version):
    content = json.loads(saved.read_text())
    told = {name: content["plan"][name] for name in ("model", "actions", "forecast", "calibration")}
    told["keep"] = content["plan"]["goal"]["value"]
    if version == 1:
        told["forecast"]["nll_increase"] = told["forecast"].pop("value")
        kept = ("name", "rows", "columns", "norm", "loss")
        told["actions"] = [
            {name: each[name] for name in kept} | {"rank": each["action"].get("rank")} for each in told["actions"]
        ]
    saved.write_text(json.dumps(content | {"version": version, "plan": told}))
    read = Plan.load(saved)
    assert read == dataclasses.replace(half, chosen=None, others=())
    old, new = build(LLAMA), build(LLAMA)
    apply_(old, read)
    apply_(new, half)
    assert torch.equal(old(ids(1, 6)), new(ids(1, 6)))


def test_a_second_plan_sees_every_layer_and_keeps_its_budget_exactly(half):
    model = build(LLAMA)
    apply_(model, half)
    again = plan(model, WINDOWS, keep=0.7)
    assert [each.name for each in again.actions] == [each.name for each in half.actions]
    assert again.num_params_before == half.num_params_after
    assert {each.layer for each in again.actions} == {"interpolative", "dense"}
    assert 0.6 * again.num_params_before < again.num_params_after <= 0.7 * again.num_params_before
    apply_(model, again)
    layers = linears(model).values()
    assert sum(layer.num_params for layer in layers) == again.num_params_after  # there are no biases in this model
    assert plan(model, WINDOWS, keep=1.0).num_params_after == again.num_params_after


def test_bytes_are_the_budget_where_numbers_differ_in_width():
    model = build(LLAMA)
    both = plan(model, WINDOWS, keep=0.3, methods=("low_rank", "int8"))
    assert {"int8"} <= {each.action.kind for each in both.actions}
    assert both.num_bytes_after <= 0.3 * both.num_bytes_before
    thin = plan(model, WINDOWS, keep=0.3)
    assert sum(each.loss for each in both.actions) < sum(each.loss for each in thin.actions)
    apply_(model, both)
    places = sum(8 * layer.out_features for layer in linears(model).values() if layer.kind == "interpolative")
    assert sum(layer.num_bytes for layer in linears(model).values()) - places == both.num_bytes_after


def test_an_unknown_method_names_the_nearest():
    with pytest.raises(ConfigError, match=r"got 'int9'; did you mean 'int8'\?"):
        plan(build(LLAMA), WINDOWS, keep=0.5, methods=("int9",))


def test_an_encoder_is_planned_for_by_what_it_says_of_each_token():
    model = build(BERT).requires_grad_(False)
    made = plan(model, WINDOWS, keep=0.6)
    assert made.forecast.value > 0
    before = model(WINDOWS[-2:]).log_softmax(-1)
    apply_(model, made)
    after = model(WINDOWS[-2:]).log_softmax(-1)
    want = float((before.exp() * (before - after)).sum(-1).mean())
    assert made.forecast.value == pytest.approx(want, rel=0.1)  # tried in bfloat16 where the processor has it


def test_an_encoder_without_a_head_is_planned_for_by_the_vectors_it_gives():
    model, windows = build(dataclasses.replace(BERT, head=None)).requires_grad_(False), ids(64, 16, seed=1)
    for keep, near in ((0.9, 0.35), (0.5, 0.6)):  # a second order, from Grams of 576 and of 192 tokens
        smaller, made = copy.deepcopy(model), plan(model, windows, keep=keep)
        apply_(smaller, made)
        cosines = torch.cosine_similarity(model(windows[-16:]), smaller(windows[-16:]), dim=-1)
        # tried in bfloat16 where the processor has it
        assert made.forecast.value == pytest.approx(float((1 - cosines).mean()), rel=0.1, abs=1e-5)
        assert made.chosen.second_order == pytest.approx(made.forecast.value, rel=near)
    assert made.unit == "of 1 - cosine, the mean over tokens"
    table = plan(model, WINDOWS, goal={"size": int(0.5 * sum(p.nbytes for p in model.parameters()))}, methods=("int8",))
    assert "embedding.token" in {each.name for each in table.actions}


def test_a_decoder_without_a_head_is_refused_in_one_line():
    with pytest.raises(
        ConfigError, match=r"^predicting tokens: expected a module that gives logits, got no head; [^\n]*$"
    ):
        plan(build(dataclasses.replace(LLAMA, head=None)), WINDOWS, keep=0.6)


@pytest.mark.parametrize("make", [gpt2, mixtral, gpt_oss])
def test_models_of_another_library_are_planned_for_and_made_smaller(make, tmp_path):
    model = drawn(make)
    count, windows = len(linears(model)), WINDOWS[:, :12]
    numbers = sum(layer.dense().numel() for layer in linears(model).values())
    made = plan(model, windows, keep=0.5)
    assert (len(made.actions), made.num_params_before) == (count, numbers)
    assert made.num_params_after <= 0.5 * made.num_params_before
    assert any(each.rank is not None for each in made.actions)
    apply_(model, made)
    assert sum(layer.num_params for layer in linears(model).values()) - _biases(model) == made.num_params_after
    assert model(windows).logits.isfinite().all()
    again = plan(model, windows, keep=0.8)
    assert len(again.actions) == count
    assert again.num_params_before == made.num_params_after
    apply_(model, again)
    copy.deepcopy(model).save_pretrained(tmp_path, state_dict=model.state_dict())
    opened, told = type(model).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(told.values()), told
    # The same matrices, multiplied out.
    torch.testing.assert_close(opened(windows).logits, model(windows).logits, rtol=1e-4, atol=1e-4)


def _biases(model):
    return sum(layer.bias.numel() for layer in linears(model).values() if layer.bias is not None)


def test_a_layer_that_no_token_reaches_stays_as_it_is():
    model = drawn(mixtral)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.mlp.gate.weight.zero_()  # all experts alike, and the first two are taken
    made = plan(model, WINDOWS[:, :12], keep=0.6)
    idle = [each for each in made.actions if each.name.endswith(("gate_up_proj.2", "down_proj.2"))]
    assert len(idle) == 4
    assert {each.action.kind for each in idle} == {"keep"}
    with pytest.raises(ConfigError, match=r"keep: expected .* at least"):
        plan(model, WINDOWS[:, :12], keep=0.01)
