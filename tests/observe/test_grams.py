"""Grams against dense sums, and the forecast against the loss it forecasts."""

import contextlib
import importlib

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from eigenlm.compression import forecast
from eigenlm.errors import ConfigError, DataError
from eigenlm.observe import linears, measure
from eigenlm.observe.predictions import _drawn
from eigenlm.observe.vocabulary_gram import vocabulary_gram
from eigenlm.observe.weighted_grams import weighted_grams
from tests.model.test_transformer import LLAMA, build, ids


@pytest.fixture(autouse=True)
def exact_products(monkeypatch):
    """Float32 throughout, so that sums can be compared closely."""
    for room in ("observe.grams", "observe.weighted_grams", "observe.vocabulary_gram", "compression.forecast"):
        module = importlib.import_module(f"eigenlm.{room}")
        monkeypatch.setattr(module, "quick_products", lambda _: contextlib.nullcontext())


def _inputs_and_gradients(model, windows, seed):
    """The same second moments from stored activations, one layer after the other, with ordinary autograd."""
    generator, inputs, gradients = torch.Generator().manual_seed(seed), {}, {}
    for name, layer in linears(model).items():
        layer.register_forward_hook(
            lambda _, x, y, name=name: (
                (inputs.setdefault(name, []).append(x[0]), y.retain_grad(), gradients.setdefault(name, []).append(y))[
                    -1
                ]
                and None
            )
        )
    for window in windows:
        logits = model(window[None])[0]
        labels = _drawn(logits.detach(), generator)
        F.cross_entropy(logits, labels, reduction="sum").backward()
    rows = {name: torch.cat([x.flatten(0, -2) for x in xs]).double() for name, xs in inputs.items()}
    felt = {name: torch.cat([y.grad.flatten(0, -2) for y in ys]).double() for name, ys in gradients.items()}
    return rows, felt


def test_grams_equal_sums_over_stored_activations():
    windows = ids(3, 12)
    found = measure(build(LLAMA), windows, seed=4)
    rows, felt = _inputs_and_gradients(build(LLAMA), windows, seed=4)
    assert found.tokens == 36
    assert set(found.output_grams) == set(felt)
    for name in felt:
        want = felt[name].mT @ felt[name] / 36
        torch.testing.assert_close(found.output_grams[name].double(), want, rtol=1e-4, atol=1e-6)  # float32 sums
        want = rows[name].mT @ rows[name] / 36
        torch.testing.assert_close(found.input_gram(name).double(), want, rtol=1e-4, atol=1e-6)


def test_labels_follow_the_model():
    logits = torch.log(torch.tensor([0.5, 0.0, 0.3, 0.2])).expand(4000, 4)
    counts = torch.bincount(_drawn(logits, torch.Generator().manual_seed(0)), minlength=4) / 4000
    torch.testing.assert_close(counts, torch.tensor([0.5, 0.0, 0.3, 0.2]), rtol=0, atol=0.032)  # 4 standard errors
    assert counts[1] == 0


def test_layers_with_one_input_share_its_gram():
    found = measure(build(LLAMA), ids(1, 6))
    first = "blocks.0.attention."
    assert found.input_of[first + "key"] == found.input_of[first + "value"] == first + "query"
    assert found.input_of["blocks.0.feed_forward.up"] == "blocks.0.feed_forward.gate"
    assert len(found.input_grams) == 2 * 4  # of a block: attention's input and output, the feed-forward's two


def test_measuring_leaves_the_module_as_it_was():
    model, tokens = build(LLAMA), ids(1, 6)
    before = model(tokens)
    measure(model, tokens)
    assert torch.equal(model(tokens), before)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_any_module_with_linear_layers_will_do():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.middle = nn.Embedding(31, 8), nn.Linear(8, 6)
            self.head = nn.Linear(6, 31)

        def forward(self, tokens):
            return self.head(self.middle(self.embedding(tokens)).relu())

    assert set(measure(Bag(), ids(2, 5)).output_grams) == {"middle", "head"}


def test_a_tied_head_is_no_layer_of_its_own():
    model = nn.ModuleDict({"embedding": nn.Embedding(31, 8), "middle": nn.Linear(8, 8), "head": nn.Linear(8, 31)})
    model["head"].weight = model["embedding"].weight
    assert set(linears(model)) == {"middle"}


def test_a_module_without_linear_layers_is_refused():
    with pytest.raises(ConfigError, match="linear layers"):
        linears(nn.Embedding(3, 3))


def test_activations_that_are_not_finite_name_their_layer():
    model = build(LLAMA)
    with torch.no_grad():
        model.blocks[1].attention_norm.weight[3] = torch.nan
    with pytest.raises(DataError, match=r"blocks\.1\.attention\.query: expected finite activations"):
        measure(model, ids(1, 6))


@torch.no_grad()
def test_forecast_is_the_cost_of_the_change():
    model, windows = build(LLAMA), ids(6, 12, seed=3)
    name, generator = "blocks.1.feed_forward.down", torch.Generator().manual_seed(0)
    change = torch.randn(model.get_submodule(name).weight.shape, generator=generator)
    before = model(windows)
    told = forecast(model, {name: change}, windows).loss
    assert torch.equal(model(windows), before)
    changed = build(LLAMA)
    changed.get_submodule(name).weight.add_(change)
    after = changed(windows)
    nll = [F.cross_entropy(logits[:, :-1].flatten(0, 1), windows[:, 1:].flatten()) for logits in (before, after)]
    assert told.value == pytest.approx(float(nll[1] - nll[0]), rel=1e-4)  # float32 sums
    assert told.low < told.value < told.high


def test_an_interrupted_forecast_leaves_the_module_as_it_was(monkeypatch):
    model, tokens = build(LLAMA), ids(1, 6)
    before = model(tokens)
    calls = iter([model.forward, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)])
    monkeypatch.setattr(model, "forward", lambda *given: next(calls)(*given))
    with pytest.raises(KeyboardInterrupt):
        forecast(model, {"blocks.0.attention.query": torch.ones(16, 16)}, tokens)
    monkeypatch.undo()
    assert torch.equal(model(tokens), before)


def test_weighted_grams_count_each_token_by_its_gradient():
    windows = ids(3, 12)
    found = weighted_grams(build(LLAMA), windows, seed=4)
    rows, felt = _inputs_and_gradients(build(LLAMA), windows, seed=4)
    assert found.keys() == rows.keys()
    for name, x in rows.items():
        weights = felt[name].square().sum(1)
        want = (x * weights[:, None]).mT @ x / weights.sum()
        assert float((found[name].double() - want).norm() / want.norm()) < 1e-5, name  # float32 sums


def test_weighted_grams_are_finite_where_no_gradient_comes():
    model = build(LLAMA)
    with torch.no_grad():
        model.embedding.token.weight.zero_()
    assert all(bool(gram.isfinite().all()) for gram in weighted_grams(model, ids(2, 8)).values())


def test_the_vocabularys_gram_tells_what_a_change_of_the_token_vectors_costs():
    """Against the divergence itself, of changes that are small, and so large that the most is ten times the least."""
    model, windows = build(LLAMA).double(), ids(6, 12, seed=2)
    gram, generator = vocabulary_gram(model, windows), torch.Generator().manual_seed(0)
    table, told, measured = model.embedding.token.weight.detach().clone(), [], []
    with torch.no_grad():
        before = model(windows).log_softmax(-1)
        for size in torch.logspace(-2.5, -2, 6).tolist():
            change = size * torch.randn(table.shape, generator=generator, dtype=table.dtype)
            model.embedding.token.weight.copy_(table + change)
            after = model(windows).log_softmax(-1)
            measured.append(float((before.exp() * (before - after)).sum(-1).mean()))
            told.append(gram.loss(change))
    ratios = torch.tensor(told) / torch.tensor(measured)
    assert measured[-1] > 5 * measured[0]
    assert 0.5 < float(ratios.min()) <= float(ratios.max()) < 2
