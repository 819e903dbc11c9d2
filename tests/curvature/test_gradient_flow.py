"""Gains and gradient norms, with norms and without, against dense Jacobians and models that were built without any."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from eigenlm.curvature.gradient_flow import explanation, gradient_flow, gradient_norms
from eigenlm.curvature.layer_maps import layer_maps, layers_of, norms_of, without_norms
from eigenlm.errors import ConfigError
from tests.model.test_transformer import BERT, DECODERS, LLAMA, build, ids


def loss_of(model, tokens):
    return lambda: F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())


def bare(config):
    """The same model with identities where its norms were."""
    model = build(config, torch.float64)
    for name in norms_of(model):
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, nn.Identity())
    return model


@pytest.mark.parametrize("config", [*DECODERS.values(), BERT], ids=[*DECODERS, "bert"])
def test_taking_norms_out_equals_a_model_without_any_and_leaves_no_trace(config):
    model, tokens = build(config, torch.float64), ids(2, 5)
    before = model(tokens)
    with without_norms(model):
        torch.testing.assert_close(model(tokens), bare(config)(tokens))
    assert torch.equal(model(tokens), before)
    with pytest.raises(ZeroDivisionError), without_norms(model):
        raise ZeroDivisionError
    assert torch.equal(model(tokens), before)
    assert not any(part._forward_hooks for part in model.modules())


def test_gains_and_gradient_norms_against_dense_jacobians_and_autograd():
    model, tokens = build(LLAMA, torch.float64), ids(1, 4)
    flow = gradient_flow(model, tokens, loss_of(model, tokens), directions=400, max_steps=64)
    plain, maps = bare(LLAMA), layer_maps(model, tokens)
    bare_maps = layer_maps(plain, tokens)
    for layer in flow.layers:
        function, x = maps[layer.name]
        for gain, f in ((layer.gain, function), (layer.gain_without_norms, bare_maps[layer.name].function)):
            J = torch.autograd.functional.jacobian(f, x).reshape(x.numel(), -1)
            assert abs(gain.largest / float(torch.linalg.svdvals(J)[0]) - 1) < 1e-3  # residual 1e-2, squared over gap
            mean_square = float(torch.linalg.norm(J)) / x.numel() ** 0.5
            assert abs(math.exp(gain.log_gain) / mean_square - 1) < 0.1  # 400 directions, and Jensen's gap
    states = [maps[layer.name].x.clone().requires_grad_() for layer in flow.layers]
    after = maps["blocks.1"].function(states[1])
    out = model.logits(model.norm(after))
    F.cross_entropy(out.flatten(0, 1), tokens.flatten()).backward()
    assert flow.layers[1].gradient_norm == pytest.approx(float(states[1].grad.norm()), rel=1e-9)
    lengths = gradient_norms(plain, loss_of(plain, tokens))
    assert [layer.gradient_norm_without_norms for layer in flow.layers] == pytest.approx(lengths[:-1], rel=1e-9)
    assert flow.log_growth_without_norms == pytest.approx(math.log(lengths[0] / lengths[-1]), rel=1e-9)
    assert flow.log_gain == pytest.approx(sum(layer.gain.log_gain for layer in flow.layers))
    assert flow.whole.largest > 0
    assert "2 layers" in flow.explanation


def test_deep_stacks_overflow_without_norms_and_say_so():
    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(31, 8)
            self.layers = nn.ModuleList(nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), Cube()) for _ in range(12))

        def forward(self, tokens):
            x = self.embedding(tokens)
            for layer in self.layers:
                x = layer(x)
            return x

    class Cube(nn.Module):
        def forward(self, x):
            return x + 100 * x**3

    torch.manual_seed(0)
    model, tokens = Stack(), ids(1, 4)
    flow = gradient_flow(model, tokens, lambda: model(tokens).square().sum())
    assert flow.log_growth is not None
    assert flow.log_growth_without_norms is None
    assert flow.whole_without_norms is None
    assert "overflows" in flow.explanation


def test_explanation_follows_the_numbers():
    gains = {"a": 0.3, "b": -0.1}
    told = {"normed": True, "log_growth": 0.1, "log_growth_without_norms": 9.0}
    assert "exploding" in explanation(gains, **told, log_gain_without_norms=8.0)
    assert "vanishing" in explanation(gains, **told, log_gain_without_norms=-8.0)
    text = explanation(gains, **told, log_gain_without_norms=0.3)
    assert "hardly matter" in text
    assert "multiplied by 1.22, most of all in a (by 1.35)" in text  # e^0.2 and e^0.3
    told["normed"] = False
    assert explanation(gains, **told, log_gain_without_norms=None).endswith("the model has no norms.")
    assert "not finite" in explanation({}, **told, log_gain_without_norms=None)


def test_dropout_is_off_meanwhile_and_modules_without_layers_are_refused():
    model = build(LLAMA)
    for block in model.blocks:
        block.dropout = 0.5
    model.train()
    flows = [gradient_flow(model, ids(1, 4), directions=1) for _ in range(2)]
    assert flows[0] == flows[1]
    assert model.training
    assert all(part.training for part in model.modules())
    with pytest.raises(ConfigError, match="ModuleList"):
        layers_of(nn.Linear(2, 2))


def test_hugging_faces_models_keep_no_cache_meanwhile():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=31, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2
    )
    model = transformers.LlamaForCausalLM(config).double().eval()
    tokens = ids(1, 4)
    maps = layer_maps(model, tokens)
    assert list(maps) == ["model.layers.0", "model.layers.1"]
    torch.testing.assert_close(maps["model.layers.0"].function(maps["model.layers.0"].x), maps["model.layers.1"].x)
    assert model.config.use_cache
    flow = gradient_flow(model, tokens, lambda: model(tokens).logits.square().mean())
    assert flow.layers[0].gain_without_norms is not None
