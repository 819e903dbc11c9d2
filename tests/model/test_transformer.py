"""The transformer against torch's own, its causality, its parts and its refusals."""

import dataclasses

import pytest
import torch
from torch import nn

from eigenlm.attention import LinearAttentionConfig
from eigenlm.config import from_dict, to_dict
from eigenlm.errors import ConfigError, ShapeError
from eigenlm.model import (
    DenseFeedForward,
    EmbeddingConfig,
    NormConfig,
    PositionConfig,
    RotaryConfig,
    SlidingWindowConfig,
    SoftmaxConfig,
    Transformer,
    TransformerConfig,
    VocabularyHead,
)

SIZES = {
    "vocab_size": 31,
    "context_length": 24,
    "d_model": 16,
    "num_layers": 2,
    "attention": SoftmaxConfig(num_heads=4, num_kv_heads=2, head_dim=4),
    "feed_forward": DenseFeedForward(d_ff=24, activation="silu", gated=True, bias=False),
}
LLAMA = TransformerConfig.uniform(**SIZES, norm=NormConfig(kind="rms"), rotary=RotaryConfig())
GPT2 = TransformerConfig.uniform(**SIZES | {"feed_forward": DenseFeedForward(d_ff=24, activation="gelu_tanh")})
SINUSOIDAL = TransformerConfig.uniform(
    **SIZES | {"feed_forward": DenseFeedForward(d_ff=24, activation="gelu_tanh")},
    positions=PositionConfig(kind="sinusoidal"),
    norm_position="post",
)
NEAR = SlidingWindowConfig(num_heads=4, num_kv_heads=2, head_dim=4, window=3, query_key_norm="head")
WINDOWED = TransformerConfig.uniform(**SIZES | {"attention": NEAR}, norm=NormConfig(kind="rms"), rotary=RotaryConfig())
BERT = TransformerConfig.uniform(
    **SIZES,
    kind="encoder",
    norm_position="post",
    final_norm=False,
    embedding=EmbeddingConfig(num_token_types=2, norm=True),
    head=VocabularyHead(bias=True, transform="gelu"),
    pooler=True,
)
ORIGINAL = TransformerConfig.uniform(
    **SIZES
    | {
        "attention": SoftmaxConfig(num_heads=4, num_kv_heads=4, head_dim=4, bias=True, output_bias=True),
        "feed_forward": DenseFeedForward(d_ff=24, activation="relu"),
    },
    kind="encoder_decoder",
    num_encoder_layers=3,
    norm_position="post",
    positions=PositionConfig(kind="sinusoidal"),
    embedding=EmbeddingConfig(scale=4.0),
)
SUMMED = LinearAttentionConfig(num_heads=4, num_kv_heads=2, head_dim=4)
HYBRID = dataclasses.replace(GPT2, pattern=(GPT2.layers[0], dataclasses.replace(GPT2.layers[0], attention=SUMMED)))
DECODERS = {"llama": LLAMA, "gpt2": GPT2, "sinusoidal": SINUSOIDAL, "windowed": WINDOWED, "hybrid": HYBRID}
ALL = DECODERS | {"bert": BERT, "original": ORIGINAL}


def build(config, dtype=torch.float32):
    torch.manual_seed(0)
    model = Transformer(config).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


def ids(B, T, seed=0):
    return torch.randint(0, 31, (B, T), generator=torch.Generator().manual_seed(seed))


def with_attention(**changes):
    return LLAMA.with_layers(
        lambda layer: dataclasses.replace(layer, attention=dataclasses.replace(layer.attention, **changes))
    )


def arguments(config, B=2):
    return {"source": ids(B, 5, seed=9)} if config.kind == "encoder_decoder" else {}


@pytest.mark.parametrize("config", ALL.values(), ids=ALL)
def test_config_survives_json(config):
    assert from_dict(TransformerConfig, to_dict(config)) == config


def _copy_attention(ours, theirs):
    weights = [ours.query, ours.key, ours.value]
    theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in weights]))
    theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in weights]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())


@torch.no_grad()
def test_encoder_decoder_equals_torch():
    model = build(ORIGINAL, torch.float64)
    peer = nn.Transformer(16, 4, 3, 2, 24, dropout=0.0, batch_first=True, dtype=torch.float64).eval()
    stacks = [(model.encoder, peer.encoder), (model.blocks, peer.decoder)]
    for ours_stack, theirs_stack in stacks:
        for ours, theirs in zip(ours_stack, theirs_stack.layers):
            norms = [ours.attention_norm, ours.feed_forward_norm]
            _copy_attention(ours.attention, theirs.self_attn)
            if theirs_stack is peer.decoder:
                _copy_attention(ours.cross_attention, theirs.multihead_attn)
                norms.insert(1, ours.cross_attention_norm)
            for i, norm in enumerate(norms):
                getattr(theirs, f"norm{i + 1}").load_state_dict(norm.state_dict())
            theirs.linear1.load_state_dict(ours.feed_forward.up.state_dict())
            theirs.linear2.load_state_dict(ours.feed_forward.down.state_dict())
    peer.encoder.norm.load_state_dict(model.encoder_norm.state_dict())
    peer.decoder.norm.load_state_dict(model.norm.state_dict())
    source, target = ids(2, 5, seed=9), ids(2, 7)
    places = torch.arange(7)[None]
    embedded = [model.embedding(x, places[:, : x.shape[1]].expand_as(x)) for x in (source, target)]
    want = peer(*embedded, tgt_mask=nn.Transformer.generate_square_subsequent_mask(7, dtype=torch.float64))
    got = model.hidden(target, source=source)
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)  # float64, five blocks, other summation order


@pytest.mark.parametrize("config", [*DECODERS.values(), ORIGINAL], ids=[*DECODERS, "original"])
@torch.no_grad()
def test_future_tokens_change_nothing_before_them(config):
    model, tokens = build(config), ids(2, 8)
    before = model(tokens, **arguments(config))
    tokens[:, 5] = (tokens[:, 5] + 1) % 31
    after = model(tokens, **arguments(config))
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:])


@torch.no_grad()
def test_encoder_sees_both_ways():
    model, tokens = build(BERT), ids(1, 8)
    before = model(tokens)
    tokens[:, 5] = (tokens[:, 5] + 1) % 31
    assert (model(tokens) - before).abs().amax(-1).gt(0).all()


@pytest.mark.parametrize("config", [*DECODERS.values(), ORIGINAL], ids=[*DECODERS, "original"])
@torch.no_grad()
def test_token_by_token_equals_all_at_once(config):
    model, tokens = build(config), ids(2, 11)
    want = model(tokens, **arguments(config))
    state = model.new_state(capacity=4)
    pieces = [model(piece, state=state, **arguments(config)) for piece in tokens.split([4, 1, 1, 3, 2], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), want, rtol=0, atol=1e-5)  # the bound for cached logits


@pytest.mark.parametrize("config", ALL.values(), ids=ALL)
@torch.no_grad()
def test_padding_changes_nothing_real(config):
    model, tokens = build(config), ids(1, 6)
    want = model(tokens, **arguments(config, B=1))
    padded = torch.cat([torch.full((1, 3), 7), tokens], dim=1)
    places = torch.tensor([[-1, -1, -1, 0, 1, 2, 3, 4, 5]])
    got = model(padded, positions=places, **arguments(config, B=1))[:, 3:]
    torch.testing.assert_close(got, want, rtol=0, atol=1e-5)  # float32, another kernel for masked attention


@pytest.mark.parametrize("config", ALL.values(), ids=ALL)
def test_every_parameter_is_used(config):
    model = build(config)
    hidden = model.hidden(ids(2, 6), **arguments(config))
    loss = model.logits(hidden).square().sum() + (model.pooled(hidden).sum() if config.pooler else 0)
    loss.backward()
    unused = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert unused == []


@torch.no_grad()
def test_rotary_scores_depend_on_distance_alone():
    model, tokens = build(LLAMA, torch.float64), ids(1, 6)
    near = model(tokens)
    far = model(tokens, positions=torch.arange(9, 15)[None])
    torch.testing.assert_close(near, far, rtol=1e-5, atol=1e-5)  # angles are float32: 1e-7 relative of up to 15 radians


@torch.no_grad()
def test_frequency_factors_stretch_positions():
    stretched = with_attention(rotary=RotaryConfig(frequency_factors=(2.0, 2.0)))
    plain, slow, tokens = build(LLAMA), build(stretched), ids(1, 6)
    torch.testing.assert_close(slow(tokens, positions=torch.arange(0, 12, 2)[None]), plain(tokens), rtol=0, atol=1e-5)


def test_dropout_acts_in_training_only():
    model, tokens = build(dataclasses.replace(GPT2, dropout=0.5)), ids(1, 6)
    assert torch.equal(model(tokens), model(tokens))
    model.train()
    assert not torch.equal(model(tokens), model(tokens))


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (torch.tensor([[1, 31]]), "0 to 30, got 31"),
        (torch.tensor([[1, -2]]), "got -2"),
        (torch.zeros(1, 25, dtype=torch.long), "at most 24 tokens, got 25"),
    ],
)
def test_tokens_that_do_not_fit_are_refused(tokens, said):
    with pytest.raises(ShapeError, match=said):
        build(LLAMA)(tokens)


def test_source_is_for_encoder_decoders():
    with pytest.raises(ShapeError, match="source"):
        build(LLAMA)(ids(1, 3), source=ids(1, 3))
    with pytest.raises(ShapeError, match="source"):
        build(ORIGINAL)(ids(1, 3))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_layers": 0}, "num_layers: expected at least 1, got 0"),
        ({"kind": "encoder_decoder"}, "encoder layers"),
        ({"dropout": 1.0}, "probability"),
    ],
)
def test_impossible_shapes_are_refused(change, said):
    with pytest.raises(ConfigError, match=said):
        dataclasses.replace(LLAMA, **change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_kv_heads": 3}, "divide the heads"),
        ({"head_dim": 5}, "even head_dim"),
        ({"rotary": RotaryConfig(frequency_factors=(1.0,))}, "2 of them, got 1"),
        ({"rotary": RotaryConfig(width=6)}, "at most 4, got 6"),
    ],
)
def test_impossible_attention_is_refused(change, said):
    with pytest.raises(ConfigError, match=said):
        with_attention(**change)


def test_unknown_field_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'num_layers'"):
        from_dict(TransformerConfig, to_dict(LLAMA) | {"num_layer": 3})
