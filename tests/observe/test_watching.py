"""What watchers are shown is what the model computes, and they leave it as it was."""

import contextlib
import importlib

import pytest
import torch
from torch import nn

from eigenlm.attention import SoftmaxConfig, naive_attention
from eigenlm.errors import ConfigError, ShapeError
from eigenlm.observe import at_rest, linears, run, watch_attention, watch_inputs, watch_residual_stream
from tests.model.test_transformer import BERT, DECODERS, LLAMA, build, ids


@pytest.fixture(autouse=True)
def exact_products(monkeypatch):
    """Float32 throughout, so that numbers can be compared closely."""
    module = importlib.import_module("eigenlm.observe.watching")
    monkeypatch.setattr(module, "quick_products", lambda _: contextlib.nullcontext())


@pytest.mark.parametrize("config", [*DECODERS.values(), BERT], ids=[*DECODERS, "bert"])
def test_the_residual_stream_ends_in_the_models_output(config):
    model, streams = build(config), {}
    with at_rest(model), watch_residual_stream(model, streams.__setitem__):
        run(model, ids(2, 9))
    last = streams[config.num_layers]
    hidden = last if model.norm is None else model.norm(last)
    assert sorted(streams) == list(range(config.num_layers + 1))
    # Float32, by torch's kernels for with and without gradients.
    torch.testing.assert_close(hidden, model.hidden(ids(2, 9)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", [*DECODERS.values(), BERT], ids=[*DECODERS, "bert"])
def test_queries_and_keys_give_the_heads_outputs(config):
    """With the values that the value matrix makes, the naive twin gives what the output matrix reads."""
    model, seen, inputs = build(config), {}, {}
    layers = {
        name: layer for name, layer in linears(model).items() if name.endswith(("attention.value", "attention.output"))
    }
    with (
        at_rest(model),
        watch_attention(model, lambda n, q, k, visible, _: seen.__setitem__(n, (q, k, visible))),
        watch_inputs(layers, inputs.__setitem__),
    ):
        run(model, ids(2, 9))
    for n, (query, key, visible) in seen.items():
        attention = model.blocks[n].attention
        value = attention.value(inputs[f"blocks.{n}.attention.value"]).unflatten(-1, (-1, attention.head_dim))
        want = naive_attention(query, key, value, visible).flatten(2)
        # Float32 sums in another order.
        torch.testing.assert_close(inputs[f"blocks.{n}.attention.output"], want, rtol=1e-4, atol=1e-5)
    assert sorted(seen) == [n for n, layer in enumerate(config.layers) if isinstance(layer.attention, SoftmaxConfig)]


def test_nothing_stays_behind():
    model = build(LLAMA).train()
    model.blocks[0].eval()
    modes = [part.training for part in model.modules()]
    with (
        pytest.raises(ShapeError, match="token ids"),
        at_rest(model),
        watch_residual_stream(model, lambda *_: None),
        watch_attention(model, lambda *_: None),
        watch_inputs(linears(model), lambda *_: None),
    ):
        run(model, ids(1, 4) + 100)
    assert modes == [part.training for part in model.modules()]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_module_of_vectors_is_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"^running Sequential: expected a module of \(B, T\) token ids, got [^\n]*$"):
        run(nn.Sequential(nn.Linear(4, 4)), ids(1, 4))
