"""Linear layers that others wrote: seen under our contract, watched, and left as they were."""

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, GptOssConfig, GptOssForCausalLM, MixtralConfig, MixtralForCausalLM

from eigenlm.linear import LowRankLinear
from eigenlm.observe import experts_apart, linears, measure, replace_, watch
from tests.model.test_transformer import ids

SIZES = {
    "vocab_size": 31,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "num_experts_per_tok": 2,
    "num_local_experts": 3,
}


def mixtral():
    return MixtralForCausalLM(MixtralConfig(**SIZES))


def gpt_oss():
    return GptOssForCausalLM(GptOssConfig(**SIZES, head_dim=4, layer_types=["full_attention"] * 2))


def gpt2():
    return GPT2LMHeadModel(GPT2Config(vocab_size=31, n_embd=16, n_layer=2, n_head=4, n_positions=32))


def drawn(make):
    torch.manual_seed(0)
    model = make().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    return model


MIXTURES = pytest.mark.parametrize("make", [mixtral, gpt_oss])


def test_conv1d_is_seen_the_right_way_round():
    model = drawn(gpt2)
    found = linears(model)
    assert len(found) == 8
    layer = found["transformer.h.1.mlp.c_fc"]
    assert (layer.out_features, layer.in_features) == (64, 16)
    assert torch.equal(layer.dense(), model.transformer.h[1].mlp.c_fc.weight.mT)
    assert set(measure(model, ids(2, 9)).output_grams) == set(found)


@MIXTURES
def test_experts_are_layers_of_their_own(make):
    model = drawn(make)
    names, before, logits = list(model.state_dict()), model.config._experts_implementation, model(ids(2, 9)).logits
    found = linears(model)
    experts = model.model.layers[1].mlp.experts
    stack = experts.gate_up_proj[2]
    matrix = found["model.layers.1.mlp.experts.gate_up_proj.2"].dense()
    assert torch.equal(matrix, stack.mT if experts.is_transposed else stack)
    assert sum(".experts." in name for name in found) == 2 * 2 * 3
    with experts_apart(model):
        assert set(linears(model)) == set(found)
        # The same products in another order of summation.
        torch.testing.assert_close(model(ids(2, 9)).logits, logits, rtol=1e-4, atol=1e-4)
    assert list(model.state_dict()) == names
    assert model.config._experts_implementation == before
    assert torch.equal(model(ids(2, 9)).logits, logits)


@MIXTURES
def test_an_experts_inputs_are_the_tokens_it_is_given(make):
    model, seen = drawn(make), {}
    with torch.no_grad(), experts_apart(model):
        layers = {name: layer for name, layer in linears(model).items() if "layers.0.mlp.experts.gate_up" in name}
        with watch(layers, inputs=lambda name, x: seen.update({name: x})):
            model(ids(2, 9))
    assert sum(len(x) for x in seen.values()) == 2 * 9 * 2  # each token goes to two of the three


def test_grams_of_an_expert_are_those_of_a_model_that_holds_it_apart():
    """The layer's own autograd, in a module that calls its experts one by one."""
    model, tokens = drawn(mixtral), ids(2, 9)
    found = measure(model, tokens, seed=3)
    name = "model.layers.1.mlp.experts.down_proj.1"
    inputs, gradients = [], []
    with experts_apart(model):
        layer = model.get_submodule(name)
        layer.register_forward_pre_hook(lambda _, given: inputs.append(given[0].detach()))
        layer.register_full_backward_hook(lambda _, into, out: gradients.append(out[0]))
        again = measure(model, tokens, seed=3)
    x, g = torch.cat(inputs).double(), torch.cat(gradients).double()
    # bfloat16 products where the processor has them; the two measurements make the same ones
    torch.testing.assert_close(found.input_grams[name].double(), x.mT @ x / len(x), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(found.output_grams[name].double(), g.mT @ g / tokens.numel(), rtol=1e-2, atol=1e-6)
    assert torch.equal(again.output_grams[name], found.output_grams[name])


def test_a_layer_put_in_the_place_of_another_is_called():
    model = drawn(gpt2).train()
    name = "transformer.h.0.attn.c_attn"
    W, bias = linears(model)[name].dense().detach(), linears(model)[name].bias
    logits = model.eval()(ids(1, 5)).logits
    replace_(model, name, LowRankLinear.from_dense(W, bias))
    assert type(linears(model)[name]) is LowRankLinear
    torch.testing.assert_close(model(ids(1, 5)).logits, logits, rtol=1e-4, atol=1e-4)  # float32, of full rank


def test_a_layer_that_is_never_called_has_no_grams():
    class Spare(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head, self.spare = nn.Embedding(31, 8), nn.Linear(8, 31), nn.Linear(8, 8)

        def forward(self, tokens):
            return self.head(self.embedding(tokens))

    found = measure(Spare(), ids(2, 5))
    assert set(found.output_grams) == set(found.input_grams) == {"head"}
