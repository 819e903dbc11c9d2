"""The whole reading: what it keeps, what it leaves out and says so, and what it refuses."""

import dataclasses
import json

import pytest
import torch
import transformers
from torch import nn

from eigenlm.analysis.activations import activations
from eigenlm.errors import ConfigError, DataError, ShapeError
from tests.model.test_transformer import BERT, LLAMA, ORIGINAL, build, ids

WINDOWS = ids(3, 12, seed=3)


def test_a_decoder_leaves_nothing_out_and_is_plain_json():
    found = activations(build(LLAMA), WINDOWS)
    assert (found.tokens, found.window, found.left_out) == (36, 12, ())
    assert (len(found.linear_inputs), len(found.layers), len(found.heads)) == (14, 3, 8)
    assert [len(row) for row in found.cka] == [3, 3, 3]
    text = json.dumps(dataclasses.asdict(found), allow_nan=False)
    assert json.loads(text)["layers"][1]["name"] == "blocks.0"


def test_the_same_text_gives_the_same_numbers():
    assert activations(build(LLAMA), WINDOWS) == activations(build(LLAMA), WINDOWS)


def test_an_encoder_has_no_lens_and_no_induction():
    found = activations(build(BERT), WINDOWS)
    assert {head.induction for head in found.heads} == {None}
    assert [(x.part, x.reason.split(":")[0]) for x in found.left_out] == [
        ("linear inputs", "pooler"),
        ("logit lens", "only decoders predict the next token"),
    ]


def test_another_librarys_model_has_its_linear_layers_described():
    config = transformers.LlamaConfig(
        vocab_size=31,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(config).train()
    seen = []
    model.model.layers[1].mlp.down_proj.register_forward_hook(lambda _, x, y: seen.append(x[0].detach()))
    found = activations(model, WINDOWS)
    names = [row.name for row in found.linear_inputs]
    assert names == [name for name, part in model.named_modules() if isinstance(part, nn.Linear)]
    assert names[-1] == "lm_head"
    row = found.linear_inputs[names.index("model.layers.1.mlp.down_proj")]
    assert row.mean_square == pytest.approx(float(torch.cat(seen).square().mean()), rel=1e-5)  # float32 sums
    assert (found.layers, found.heads, found.cka) == ((), (), ())
    assert {x.part for x in found.left_out} == {
        "residual stream",
        "attention heads",
        "logit lens",
        "similarity of layers",
    }
    assert model.training
    assert model.model.layers[0].training


def test_what_was_finite_is_kept():
    model = build(LLAMA)
    with torch.no_grad():
        model.blocks[1].attention.value.weight[0, 0] = torch.nan
    found = activations(model, WINDOWS)
    assert [row.name for row in found.layers] == ["embedding", "blocks.0"]
    assert {row.lens for row in found.layers} == {None}
    assert len(found.cka) == 2
    names = [row.name for row in found.linear_inputs]
    assert names[-2:] == ["blocks.1.attention.query", "blocks.1.attention.key"]
    assert len(found.heads) == 8  # the weights of attention are made before its values
    assert [(x.part, x.reason) for x in found.left_out] == [
        ("linear inputs", "blocks.1.attention.value: NaN or infinity in its weights"),
        ("linear inputs", "NaN or infinity in what blocks.1.attention.output is given and 3 layers more"),
        ("residual stream", "NaN or infinity in the stream after blocks.1; the layers before are kept"),
        ("logit lens", "NaN or infinity in the stream after blocks.1, and in the last layer's answers"),
    ]


def test_heads_of_the_layers_before_are_kept():
    model = build(LLAMA)
    with torch.no_grad():
        model.blocks[1].attention.query.weight[0, 0] = torch.inf
    found = activations(model, WINDOWS)
    assert {head.layer for head in found.heads} == {0}
    assert ("attention heads", "NaN in the attention of blocks.1; the layers before are kept") in [
        (x.part, x.reason) for x in found.left_out
    ]


@pytest.mark.parametrize("factor", [1e18, 1e-18, 0.0])
def test_large_and_small_weights_have_shares_all_the_same(factor):
    model = build(LLAMA)
    plain = {row.name: row for row in activations(model, WINDOWS).linear_inputs}
    with torch.no_grad():
        model.blocks[1].feed_forward.down.weight *= factor
    row = activations(model, WINDOWS).linear_inputs[-1]
    want = plain[row.name]
    assert row.output_rank_90 == (want.output_rank_90 if factor else 0)
    if factor:
        assert row.output_stable_rank == pytest.approx(want.output_stable_rank, rel=1e-4)  # float32


def test_a_model_of_nans_is_refused_in_one_line():
    model = build(LLAMA)
    with torch.no_grad():
        model.embedding.token.weight.fill_(torch.nan)
    with pytest.raises(DataError, match=r"what blocks\.0\.attention\.query is given[^\n]*$"):
        activations(model, WINDOWS)


@pytest.mark.parametrize("shape", [(4, 1), (0, 8)])
def test_too_little_text_is_refused_in_one_line(shape):
    with pytest.raises(DataError, match=rf"windows of at least 2 tokens, got {shape[0]} of {shape[1]}; give more text"):
        activations(build(LLAMA), torch.zeros(shape, dtype=torch.int64))


def test_two_tokens_are_enough():
    found = activations(build(LLAMA), ids(1, 2))
    assert (found.layers[0].tokens, found.layers[0].mean_cosine, found.layers[0].lens.nll_error) == (1, None, None)
    assert found.cka == ()
    json.dumps(dataclasses.asdict(found), allow_nan=False)


def test_a_module_without_linear_layers_says_so():
    found = activations(nn.Embedding(31, 4), WINDOWS)
    assert found.linear_inputs == ()
    assert "linear layers: expected a module with some" in found.left_out[0].reason


def test_what_does_not_run_is_refused():
    with pytest.raises(ShapeError, match="at most 24 tokens"):
        activations(build(LLAMA), ids(1, 25))
    with pytest.raises(ConfigError, match="token ids"):
        activations(nn.Sequential(nn.Linear(4, 4)), WINDOWS)
    with pytest.raises(ConfigError, match="which reads one text, got an encoder_decoder"):
        activations(build(ORIGINAL), WINDOWS)
