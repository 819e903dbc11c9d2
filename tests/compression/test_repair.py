"""Repairs: the residual of least loss in dense algebra; what is given back; refusals in a line."""

import copy
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import scipy.linalg
import torch

import eigenlm
from eigenlm.compression import repair
from eigenlm.compression.offers import SHRINKAGE
from eigenlm.errors import ConfigError, DataError, EigenError
from eigenlm.linear import DenseLinear, SumLinear
from eigenlm.model import DenseFeedForward, Transformer, TransformerConfig
from eigenlm.observe import linears, measure, replace_
from tests.model.test_transformer import BERT, GPT2, LLAMA, SIZES, build, ids

NARROW = TransformerConfig.uniform(**SIZES | {"feed_forward": DenseFeedForward(d_ff=20, activation="silu", gated=True)})
WINDOWS = ids(8, 16, seed=1)


def rounded(model: Transformer, steps: int = 3) -> Transformer:
    """A copy with every number rounded to one of a few steps of its matrix."""
    model = copy.deepcopy(model)
    for name, layer in linears(model).items():
        step = layer.dense().detach().abs().max() / steps
        replace_(model, name, DenseLinear.from_dense((layer.dense().detach() / step).round() * step, layer.bias))
    return model


def divergence(original: Transformer, model: Transformer) -> float:
    """From what the original says, nats a token; a random model may expect random tokens better once it is rounded."""
    with torch.no_grad():
        before, after = (each(WINDOWS).double().log_softmax(-1) for each in (original, model))
    return float((before.exp() * (before - after)).sum(-1).mean())


def shrunk(gram: torch.Tensor) -> torch.Tensor:
    gram = gram.double()
    return (1 - SHRINKAGE) * gram + SHRINKAGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)


@pytest.mark.parametrize("rank", [1, 3])
def test_the_loss_that_is_left_is_the_tail_of_the_whitened_error(rank: int) -> None:
    original = build(LLAMA)
    base = rounded(original)
    repaired, told = repair(original, base, WINDOWS, rank=rank)
    seen = measure(original, WINDOWS[:6], kinds=("weighted", "outputs"))
    assert len(told.layers) == len(linears(original))
    for layer in told.layers:
        C, G = shrunk(seen.weighted_grams[layer.name]), shrunk(seen.output_grams[layer.name])
        E = (linears(original)[layer.name].dense() - linears(base)[layer.name].dense()).detach().double()
        L, K = (scipy.linalg.cholesky(gram.numpy(), lower=True) for gram in (C, G))
        energies = scipy.linalg.svdvals(K.T @ E.numpy() @ L) ** 2
        assert layer.loss_before == pytest.approx(energies.sum() / 2, rel=1e-6)
        assert layer.loss == pytest.approx(energies[rank:].sum() / 2, rel=1e-6)
        left = E - linears(repaired)[layer.name].parts[1].dense().detach().double()
        # factors in float32, of a metric with a condition of 1 / SHRINKAGE at most times the size
        assert float(((G @ left @ C) * left).sum() / 2) == pytest.approx(layer.loss, rel=1e-3)


def test_a_repair_of_full_rank_is_the_original_and_shares_the_rounded_layers() -> None:
    original = build(LLAMA)
    base = rounded(original)
    before = base(WINDOWS)
    repaired, told = repair(original, base, WINDOWS, rank=16)
    torch.testing.assert_close(repaired(WINDOWS), original(WINDOWS), rtol=0, atol=1e-4)
    assert told.after.value == pytest.approx(0, abs=1e-2)  # products in bfloat16, to 0.4 %
    assert torch.equal(base(WINDOWS), before)
    layer = repaired.blocks[0].feed_forward.up
    assert isinstance(layer, SumLinear)
    assert layer.parts[0].weight is base.blocks[0].feed_forward.up.weight


@pytest.mark.parametrize("config", [LLAMA, GPT2, BERT])
def test_more_rank_gives_more_back(config) -> None:
    original = build(config)
    base = rounded(original)
    left = [divergence(original, repair(original, base, WINDOWS, rank=rank)[0]) for rank in (1, 6, 14)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] / 2 < divergence(original, base) / 2


def test_chosen_ranks_leave_less_loss_with_no_more_numbers() -> None:
    original = build(LLAMA)
    base = rounded(original)
    equal, chosen = (repair(original, base, WINDOWS, rank=4, choose_ranks=choose)[1] for choose in (False, True))
    left = {layer.name: layer.loss for layer in chosen.layers}
    untouched = [layer.loss_before for layer in equal.layers if layer.name not in left]
    assert chosen.num_params <= equal.num_params
    assert sum(left.values()) + sum(untouched) < sum(layer.loss for layer in equal.layers)
    assert len({layer.rank for layer in chosen.layers}) > 1


def test_what_rounding_left_as_it_was_gets_nothing() -> None:
    original = build(LLAMA)
    base = copy.deepcopy(original)
    with torch.no_grad():
        base.blocks[1].feed_forward.down.weight.mul_(0.9)
    repaired, told = repair(original, base, WINDOWS, rank=2)
    assert [layer.name for layer in told.layers] == ["blocks.1.feed_forward.down"]
    assert sum(isinstance(layer, SumLinear) for layer in linears(repaired).values()) == 1


def test_grams_of_few_tokens_and_dead_channels_give_finite_factors() -> None:
    original = build(LLAMA)
    with torch.no_grad():
        original.blocks[0].feed_forward.up.weight[:5] = 0  # what reads these channels sees zeros
        original.blocks[0].feed_forward.gate.weight[:5] = 0
    base = rounded(original)
    repaired, told = repair(original, base, ids(2, 3), rank=4)
    assert all(part.isfinite().all() for factors in told.factors.values() for part in factors)
    assert repaired(WINDOWS).isfinite().all()


def doubled(model: Transformer) -> Transformer:
    model = copy.deepcopy(model)
    with torch.no_grad():
        for layer in linears(model).values():
            layer.weight.mul_(-1)
    return model


@pytest.mark.parametrize(
    ("change", "options", "error", "said"),
    [
        (copy.deepcopy, {}, ConfigError, "got the same in both models, so that nothing is to be repaired"),
        (doubled, {}, ConfigError, "expected the model before it was rounded, got one whose matrices are farther"),
        (lambda _: build(NARROW), {}, ConfigError, r"gate of sizes \(20, 16\) before it was rounded, got \(24, 16\)"),
        (rounded, {"rank": 0}, ConfigError, "rank: expected at least 1, got 0"),
        (rounded, {"rank": 17}, ConfigError, "rank: expected at most 16, that of the largest matrix, got 17"),
        (rounded, {"windows": WINDOWS[:1]}, DataError, "expected at least 2 windows of calibration text, got 1"),
    ],
)
def test_what_cannot_be_repaired_is_told_in_a_line(
    change: Callable[[Transformer], Transformer], options: dict, error: type[EigenError], said: str
) -> None:
    original = build(LLAMA)
    with pytest.raises(error, match=said) as refused:
        repair(original, change(original), **{"windows": WINDOWS, **options})
    assert "\n" not in str(refused.value)


def test_a_verb_gives_a_language_model_that_answers(tiny_model: Path, tiny_text: Path, tmp_path: Path) -> None:
    lm = eigenlm.load(tiny_model)
    eigenlm.quantize(lm, tmp_path / "small.gguf", storage="Q4_0", calibration=tiny_text, tokens=64)
    small = eigenlm.load(tmp_path / "small.gguf")
    fixed, told = eigenlm.repair(small, tiny_model, rank=8, calibration=tiny_text, tokens=64)
    assert told.recovered == pytest.approx(1 - told.after.value / told.before.value, nan_ok=True)
    assert told.calibration.text == str(tiny_text)
    assert math.isfinite(eigenlm.perplexity(fixed, tiny_text).nll)
    fixed.save(tmp_path / "fixed")
    again = eigenlm.load(tmp_path / "fixed")
    assert torch.equal(again.model(ids(1, 6)), fixed.model(ids(1, 6)))
    assert repr(told).count("\n") < 15
