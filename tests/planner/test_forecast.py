"""A whole forecast: what follows from what, and what a person is told."""

from dataclasses import replace

import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.model import DenseFeedForward, SoftmaxConfig
from eigenlm.planner import CLUSTERS, Machine, Rates, forecast, lines, measure_machine
from eigenlm.training.recipe import LayoutRecipe, OptimizerRecipe
from tests.planner.configs import FAMILIES, recipe, transformer

RATES = Rates(
    products=1e11,
    attention_forward=2e10,
    attention_backward=1e10,
    activation_forward=1e9,
    activation_backward=1e9,
    moved=2e10,
)
MACHINE = Machine(
    name="made up",
    device="cpu",
    float32=RATES,
    bfloat16=replace(RATES, products=4e11),
    softmax=1e8,
    updated=1e10,
    call=5e-6,
    memory=8e9,
    base=3e8,
)


def test_auto_takes_the_faster_precision() -> None:
    assert forecast(recipe(), MACHINE).precision == "bfloat16"
    slow = replace(MACHINE, bfloat16=RATES)
    assert forecast(recipe(), slow).precision == "float32"


def test_accumulation_keeps_the_tokens_and_sheds_activations() -> None:
    # Wide enough that activations, not gradients, are what is highest.
    model = transformer(context_length=2048)
    whole, cut = (forecast(recipe(model, batch_size=8, micro_batch_size=n), MACHINE) for n in (8, 2))
    assert whole.tokens == cut.tokens
    assert cut.batch.accumulation == 4
    assert cut.memory["activations"] < whole.memory["activations"] / 2
    assert cut.memory["gradients"] == 4 * cut.parameters.total


def test_total_operations_count_every_step_and_micro_batch() -> None:
    whole, cut = (forecast(recipe(batch_size=8, micro_batch_size=n, steps=10), MACHINE) for n in (8, 2))
    assert cut.total_flops == pytest.approx(whole.total_flops, rel=1e-12)
    assert whole.total_flops == pytest.approx(10 * whole.flops.step, rel=1e-12)


def test_time_is_the_sum_of_amounts_over_rates() -> None:
    fast = replace(MACHINE, **{name: replace(RATES, products=2e11) for name in ("float32", "bfloat16")})
    slow = replace(MACHINE, **dict.fromkeys(("float32", "bfloat16"), RATES))
    # A cluster's rates are those of a step already; a processor's are divided by what a step keeps of them.
    slow, fast = (replace(machine, device="cuda") for machine in (slow, fast))
    told = forecast(recipe(precision="float32"), slow)
    gained = told.time.total - forecast(recipe(precision="float32"), fast).time.total
    # Twice the rate halves the time of products: 3 passes over the matrices.
    assert gained == pytest.approx(3 * told.flops.matrices / 1e11 / 2, rel=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_a_forecast(name: str) -> None:
    told = forecast(recipe(FAMILIES[name], optimizer=OptimizerRecipe(kind="muon")), MACHINE, corpus_tokens=10**6)
    assert told.fits
    assert told.epochs == told.tokens / 1e6
    assert 0 < told.time.total < 60
    assert [what for what, _, _ in lines(told)][:4] == ["machine", "parameters", "compute", "memory of a device"]


def test_what_does_not_fit_says_what_to_reduce_and_then_fits() -> None:
    wide = recipe(transformer(context_length=2048), batch_size=16)
    quarter = replace(wide, train=replace(wide.train, micro_batch_size=4))
    small = replace(MACHINE, memory=1.16 * forecast(quarter, MACHINE).memory.total)
    told = forecast(wide, small)
    assert not told.fits
    assert told.advice in {why for _, _, why in lines(told)}
    assert "train.micro_batch_size=4 " in told.advice
    assert forecast(quarter, small).fits
    assert "narrower" in forecast(recipe(), replace(MACHINE, memory=1e6, base=0.0)).advice


def test_a_large_model_is_told_to_be_sharded() -> None:
    attention = SoftmaxConfig(num_heads=64, num_kv_heads=8, head_dim=128)
    model = transformer(d_model=8192, num_layers=32, attention=attention, feed_forward=DenseFeedForward(d_ff=32768))
    ddp, fsdp = (
        forecast(recipe(model, batch_size=64, layout=LayoutRecipe(data=data)), CLUSTERS["64x A100"])
        for data in ("ddp", "fsdp")
    )
    assert fsdp.memory["weights"] == ddp.memory["weights"] / 64
    assert not ddp.fits
    assert "layout.data=fsdp" in ddp.advice


def test_devices_without_a_text_are_refused() -> None:
    with pytest.raises(ConfigError, match="128 devices"):
        forecast(recipe(batch_size=8), CLUSTERS["128x H100"])
    with pytest.raises(ConfigError, match="divisor of 8"):
        forecast(recipe(batch_size=8, layout=LayoutRecipe(tensor=3)), CLUSTERS["8x H100"])


def test_this_machine_is_measured() -> None:
    machine = measure_machine(seconds=0.15)
    assert machine.bfloat16.products > 0
    # No kernel runs faster than plain products of the same precision by more than noise; half again is far outside it.
    assert machine.float32.attention_forward < 1.5 * machine.float32.products
    assert 1e8 < machine.base < machine.memory


def test_this_machine_is_shared_by_the_ranks_of_a_layout(monkeypatch) -> None:
    monkeypatch.setattr("eigenlm.planner.machine.cores", lambda: 3 * torch.get_num_threads())
    monkeypatch.setattr("eigenlm.planner.machine.median_seconds", lambda act, seconds: 1e-3)
    monkeypatch.setattr("eigenlm.planner.machine.product_rate", lambda _: 1e11)
    alone, split, copied = (forecast(recipe(layout=LayoutRecipe(tensor=n)), None) for n in (1, 2, 4))
    assert [told.machine.devices for told in (alone, split, copied)] == [1, 2, 4]
    assert split.machine.memory == pytest.approx(alone.machine.memory / 2, rel=0.1)  # what is free changes meanwhile
    assert split.memory["weights"] == alone.memory["weights"] / 2
    assert split.time["forward"] == pytest.approx(alone.time["forward"] / 2)  # each has cores of its own
    assert copied.time["forward"] == pytest.approx(alone.time["forward"] / 4 * 4 / 3)  # four on three cores
    assert "2 devices (ddp, matrices over 2)" in lines(split)[0][2]
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert forecast(recipe(layout=LayoutRecipe(tensor=2, data="fsdp"))).shards == 4
