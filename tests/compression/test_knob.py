"""One model at every size: what a setting applies, keeps and costs; set back, the original; refusals in a line."""

import math
from pathlib import Path

import pytest
import torch

import eigenlm
from eigenlm.analysis import decompose
from eigenlm.compression import Keep, Knob, LowRank, Plan, apply_, knob, plan, settled, turn_
from eigenlm.compression.actions import Decision, Found
from eigenlm.compression.forecast import forecast
from eigenlm.compression.knob import kept, nested_layers
from eigenlm.compression.prices import prices
from eigenlm.engine import Runner
from eigenlm.errors import CheckpointError, ConfigError, DataError, EigenError
from eigenlm.linear import DenseLinear, LinearMap, NestedLinear, linear_maps
from eigenlm.model import Transformer
from eigenlm.observe import linears
from tests.model.test_transformer import BERT, GPT2, LLAMA, build, ids

WINDOWS = ids(8, 16, seed=1)
CONFIGS = pytest.mark.parametrize("config", [LLAMA, GPT2, BERT])


@pytest.fixture(scope="module")
def told() -> Knob:
    return knob(build(LLAMA), WINDOWS, text="numbers")[1]


@pytest.fixture
def nested() -> Transformer:
    return knob(build(LLAMA), WINDOWS, keeps=())[0]


def ranks(model: Transformer) -> dict[str, int]:
    return {name: layer.rank for name, layer in linear_maps(model).items() if isinstance(layer, NestedLinear)}


def plan_of(model: Transformer, nested: Transformer) -> Plan:
    """A plan with the ranks that are set, and the factors of the nested layers."""
    layers, decided, factors = linear_maps(nested), [], {}
    for name, layer in linears(model).items():
        rank, action = ranks(nested).get(name), Keep()
        if rank is not None and rank < min(layer.dense().shape):
            action = LowRank(rank=rank)
            factors[name] = {part: each.detach() for part, each in zip("BA", layers[name].factors(rank))}
        decided.append(Decision(**vars(Found.of(name, layer)), action=action, loss=0.0))
    made = plan(model, WINDOWS, keep=1.0)
    return Plan(**vars(made) | {"actions": tuple(decided), "factors": factors})


@CONFIGS
@pytest.mark.parametrize("keep", [0.9, 0.6, 0.3])
@torch.no_grad()
def test_a_setting_is_the_model_of_a_plan_with_its_ranks(config, keep: float) -> None:
    model = build(config)
    nested, _ = knob(model, WINDOWS, keeps=())
    turn_(nested, keep)
    assert kept(nested_layers(nested)) <= keep
    applied = build(config)
    apply_(applied, plan_of(model, nested))
    assert len({*ranks(nested).values()}) > 1
    assert torch.equal(settled(nested)(WINDOWS), applied(WINDOWS))
    for got in (nested(WINDOWS), Runner(nested).current()(WINDOWS)):
        torch.testing.assert_close(got, applied(WINDOWS), rtol=0, atol=1e-4)  # re-coded by rows, float32


@torch.no_grad()
def test_its_matrices_are_those_that_a_plan_offers(nested: Transformer) -> None:
    model = build(LLAMA)
    found = prices(model, WINDOWS, methods=("low_rank",))
    turn_(nested, 0.6)
    layers: dict[str, LinearMap] = linears(model)
    for name, layer in linear_maps(nested).items():
        offer = found.offers[name][layer.rank]
        # the same factors, from a basis in float32
        torch.testing.assert_close(layer.dense(), offer.action.dense(layers[name], offer.parts()), rtol=0, atol=1e-4)


def test_its_order_is_that_of_plans_and_a_smaller_setting_never_has_a_higher_rank(nested: Transformer) -> None:
    found = prices(build(LLAMA), WINDOWS, methods=("low_rank",))
    before = dict.fromkeys(ranks(nested), math.inf)
    for keep in (1.0, 0.97, 0.8, 0.5, 0.2, 0.001):
        turn_(nested, keep)
        now = ranks(nested)
        assert all(now[name] <= before[name] for name in now)
        before = now
        taken = {name: found.offers[name][rank] for name, rank in now.items()}
        cost = sum(offer.bytes for offer in taken.values())
        assert cost <= keep * found.num_bytes
        best = found.choose(cost)  # of its own cost there is none better
        assert sum(o.loss for o in taken.values()) == pytest.approx(sum(o.loss for o in best.values()), rel=1e-6)


@CONFIGS
@torch.no_grad()
def test_set_back_it_is_the_original_bit_for_bit_and_the_runner_follows(config) -> None:
    model = build(config)
    want = model(WINDOWS)
    nested, _ = knob(model, WINDOWS, keeps=())
    runner = Runner(nested)
    first, twin = runner.current()(WINDOWS), runner.current()
    assert torch.equal(nested(WINDOWS), want)
    for keep in (0.5, 0.9, 0.5):
        turn_(nested, keep)
        assert runner.current() is twin
        assert not torch.allclose(twin(WINDOWS), first, atol=1e-3)
        torch.testing.assert_close(twin(WINDOWS), nested(WINDOWS), rtol=0, atol=1e-5)  # another order of sums
    turn_(nested, 1.0)
    assert torch.equal(nested(WINDOWS), want)
    assert torch.equal(runner.current()(WINDOWS), first)
    assert torch.equal(model(WINDOWS), want)
    assert nested.blocks[0].attention.query.weight.data_ptr() == model.blocks[0].attention.query.weight.data_ptr()


@torch.no_grad()
def test_what_settings_cost_is_what_they_cost_on_the_text_kept_apart(told: Knob, nested: Transformer) -> None:
    model = build(LLAMA)
    assert [each.keep for each in told.settings] == [0.95, 0.9, 0.8, 0.7, 0.6, 0.5]
    assert (told.calibration.tokens, told.calibration.held_out_tokens) == (6 * 16, 2 * 16)
    for setting in told.settings[::2]:
        turn_(nested, setting.keep)
        matrices = [(name, layer.dense()) for name, layer in linears(nested).items()]
        again = forecast(model, matrices, WINDOWS[-2:])
        assert (again.loss, again.divergence) == (setting.loss, setting.divergence)


def test_what_is_not_dense_stays_as_it_is(nested: Transformer) -> None:
    model = build(LLAMA)
    apply_(model, plan(model, WINDOWS, keep=0.8))
    thin = {name for name, layer in linears(model).items() if not isinstance(layer, DenseLinear)}
    twice, _ = knob(model, WINDOWS, keeps=())
    assert thin
    assert {*ranks(twice)} == linears(model).keys() - thin
    with pytest.raises(ConfigError, match="making a knob: expected a model with dense matrices, got none"):
        knob(nested, WINDOWS)


@pytest.mark.parametrize("keep", [0.0, -1.0, 2.0, math.nan])
def test_what_there_is_not_to_keep_is_refused_and_changes_nothing(keep: float, nested: Transformer) -> None:
    turn_(nested, 0.5)
    before = ranks(nested)
    for refused in (lambda: turn_(nested, keep), lambda: knob(build(LLAMA), WINDOWS, keeps=(keep,))):
        with pytest.raises(ConfigError, match=r"^keep: expected a fraction in \(0, 1\], got [^\n]*$"):
            refused()
    assert ranks(nested) == before


def test_a_model_without_a_knob_is_not_turned() -> None:
    with pytest.raises(ConfigError, match=r"^turning a knob: expected a model that has one, got [^\n]*$"):
        turn_(build(LLAMA), 0.5)


def test_one_window_is_too_few() -> None:
    with pytest.raises(DataError, match="making a knob: expected at least 2 windows of calibration text, got 1"):
        knob(build(LLAMA), WINDOWS[:1])


def test_verbs_make_turn_keep_and_settle(tiny_model: Path, tiny_text: Path, tmp_path: Path) -> None:
    lm = eigenlm.load(tiny_model)
    made, told = eigenlm.knob(lm, calibration=tiny_text, tokens=64)
    told.save(tmp_path / "knob", made)
    assert Knob.load(tmp_path / "knob") == told
    assert repr(told).count("\n") < 15
    again = eigenlm.load(tmp_path / "knob")
    assert torch.equal(again.model(ids(1, 6)), lm.model(ids(1, 6)))
    whole = again.generate("The matrix", max_tokens=8)
    nll = eigenlm.perplexity(again, tiny_text).nll
    eigenlm.turn(again, 0.4)
    turned = eigenlm.perplexity(again, tiny_text).nll
    assert turned != nll
    again.save(tmp_path / "turned")
    small = eigenlm.settle(again)
    small.save(tmp_path / "small")
    assert small.num_bytes < lm.num_bytes < again.num_bytes
    for folder in ("turned", "small"):
        read = eigenlm.load(tmp_path / folder)
        assert eigenlm.perplexity(read, tiny_text).nll == pytest.approx(turned, abs=1e-4)  # float32, re-coded by rows
    back = eigenlm.load(tmp_path / "turned")
    eigenlm.turn(back, 1.0)
    assert torch.equal(back.model(ids(1, 6)), lm.model(ids(1, 6)))
    eigenlm.turn(again, 1.0)
    assert again.generate("The matrix", max_tokens=8) == whole


def test_a_plan_for_what_is_set_is_applied_and_analysed(tiny_model: Path, tiny_text: Path, tmp_path: Path) -> None:
    made, told = eigenlm.knob(eigenlm.load(tiny_model), calibration=tiny_text, tokens=64)
    eigenlm.turn(made, 0.6)
    told.save(tmp_path / "knob", made)
    lm = eigenlm.load(tmp_path / "knob")
    decided = eigenlm.plan(lm, keep=0.3, calibration=tiny_text, tokens=64)
    small = eigenlm.apply(decided)
    assert small.num_bytes < lm.num_bytes
    assert small.model(ids(1, 6)).isfinite().all()
    analyses = [decompose(each) for each in (lm, tmp_path / "knob")]
    for name in ranks(lm.model):
        want = torch.linalg.svdvals(linear_maps(lm.model)[name].dense().detach().double())
        for found in analyses:
            torch.testing.assert_close(
                found[name].singular_values, want, rtol=0, atol=1e-5
            )  # factors multiplied in float32


@pytest.mark.parametrize(
    ("text", "error"), [("{", CheckpointError), ('{"settings": 1}', ConfigError), ("[]", ConfigError)]
)
def test_damaged_figures_are_told_in_a_line(text: str, error: type[EigenError], tmp_path: Path) -> None:
    (tmp_path / "knob.json").write_text(text)
    with pytest.raises(error, match=r"^[^\n]*knob\.json[^\n]*$"):
        Knob.load(tmp_path)
