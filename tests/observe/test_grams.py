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
from eigenlm.observe.drawn_gradients import at_logits
from eigenlm.observe.vocabulary_gram import vocabulary_gram
from tests.model.test_transformer import LLAMA, build, ids


@pytest.fixture(autouse=True)
def exact_products(monkeypatch):
    """Float32 throughout, so that sums can be compared closely."""
    for room in ("observe.grams", "observe.vocabulary_gram", "compression.forecast"):
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
        signs = torch.empty_like(logits).bernoulli_(0.5, generator=generator) * 2 - 1
        weights = logits.detach().softmax(-1).sqrt() * signs
        (weights * F.log_softmax(logits, dim=-1)).sum().backward()
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
        torch.testing.assert_close(found.input_grams[name].double(), want, rtol=1e-4, atol=1e-6)


def _gradients_at(p, draws):
    """Of logits whose softmax is p, each row a draw."""
    return at_logits(p.log().expand(draws, -1), torch.Generator().manual_seed(0)).double()


def test_gradients_have_the_second_moment_of_the_fisher_matrix():
    p = torch.tensor([0.5, 0.05, 0.3, 0.15])
    drawn = _gradients_at(p, 20_000)
    fisher = (p.diag() - torch.outer(p, p)).double()
    torch.testing.assert_close(drawn.mT @ drawn / len(drawn), fisher, rtol=0, atol=0.008)
    assert float(drawn.sum(dim=1).abs().max()) < 1e-5


def test_what_a_sure_model_would_feel_varies_little():
    p = torch.tensor([0.98, 0.01, 0.006, 0.004])
    squares, mean = _gradients_at(p, 4000).square().sum(dim=1), float(1 - p.square().sum())
    assert squares.mean() == pytest.approx(mean, rel=0.02)
    of_labels = float(p @ ((p[:, None] - torch.eye(4)).square().sum(dim=0) - mean).square())
    assert squares.var() < 0.1 * of_labels


def test_layers_with_one_input_share_its_gram():
    found = measure(build(LLAMA), ids(1, 6))
    first = "blocks.0.attention."
    sums = found.input_grams._sums
    assert sums[first + "key"] is sums[first + "value"] is sums[first + "query"]
    assert sums["blocks.0.feed_forward.up"] is sums["blocks.0.feed_forward.gate"]
    assert len({id(each) for each in sums.values()}) == 2 * 4  # of a block: attention's input and output, the other two


def test_a_gram_that_was_taken_is_let_go():
    found = measure(build(LLAMA), ids(1, 6)).input_grams
    kept, name, twin = found["blocks.0.attention.key"], "blocks.0.attention.query", "blocks.0.attention.key"
    count = len(found)
    assert torch.equal(found.take(name), kept)
    assert name not in found
    assert len(found) == count - 1
    assert torch.equal(found[twin], kept)


def test_only_what_is_asked_for_is_measured():
    model = build(LLAMA)
    found = measure(model, ids(2, 6), kinds=("inputs",))
    assert not found.output_grams
    assert not found.weighted_grams
    want = measure(model, ids(2, 6)).input_grams
    assert all(torch.equal(gram, want[name]) for name, gram in found.input_grams.items())


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(ConfigError, match="kinds of Grams: expected some of inputs, outputs, weighted, got 'weights'"):
        measure(build(LLAMA), ids(2, 6), kinds=("inputs", "weights"))


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
    told = forecast(model, [(name, model.get_submodule(name).weight + change)], windows).loss
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
        forecast(model, [("blocks.0.attention.query", torch.ones(16, 16))], tokens)
    monkeypatch.undo()
    assert torch.equal(model(tokens), before)


def test_weighted_grams_count_each_token_by_its_gradient():
    windows = ids(3, 12)
    found = measure(build(LLAMA), windows, seed=4, kinds=("weighted",)).weighted_grams
    rows, felt = _inputs_and_gradients(build(LLAMA), windows, seed=4)
    assert found.keys() == rows.keys()
    for name, x in rows.items():
        weights = felt[name].square().sum(1)
        want = (x * weights[:, None]).mT @ x / weights.sum()
        assert float(((found[name].double() - want).norm() / want.norm()).detach()) < 1e-5, name  # float32 sums


def test_weighted_grams_are_finite_where_no_gradient_comes():
    model = build(LLAMA)
    with torch.no_grad():
        model.embedding.token.weight.zero_()
    found = measure(model, ids(2, 8), kinds=("weighted",)).weighted_grams
    assert all(bool(gram.isfinite().all()) for gram in found.values())


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
