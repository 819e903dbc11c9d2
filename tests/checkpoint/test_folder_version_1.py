"""Configs that eigenlm wrote in version 1 say the same today."""

import json

import pytest

from eigenlm.checkpoint.folder_version_1 import from_version_1
from eigenlm.config import from_dict
from eigenlm.errors import ConfigError
from eigenlm.model import (
    DenseFeedForward,
    EmbeddingConfig,
    NormConfig,
    PositionConfig,
    RotaryConfig,
    SlidingWindowConfig,
    SoftmaxConfig,
    TransformerConfig,
    VocabularyHead,
)

# As files of version 1 hold them.
WINDOWED = """{"kind": "decoder", "vocab_size": 31, "context_length": 24, "d_model": 16, "num_layers": 2,
"num_encoder_layers": 0, "attention": {"num_heads": 4, "num_kv_heads": 2, "head_dim": 4, "bias": false,
"output_bias": false, "query_key_norm": true, "window": 3}, "feed_forward": {"d_ff": 24, "activation": "swiglu",
"bias": false}, "norm": {"kind": "rms", "eps": 1e-05}, "norm_position": "pre", "final_norm": true,
"positions": {"kind": "rotary", "base": 500.0, "frequency_factors": [1.0, 4.0]},
"embedding": {"scaled": false, "num_token_types": 0, "norm": false},
"head": {"tied": true, "bias": false, "transform": false}, "pooler": false, "dropout": 0.0}"""
TRANSLATOR = """{"kind": "encoder_decoder", "vocab_size": 50, "context_length": 16, "d_model": 9, "num_layers": 1,
"num_encoder_layers": 2, "attention": {"num_heads": 2, "num_kv_heads": 2, "head_dim": 4, "bias": true,
"output_bias": false, "query_key_norm": false, "window": null}, "feed_forward": {"d_ff": 16, "activation": "relu",
"bias": true}, "norm": {"kind": "layer", "eps": 1e-05}, "norm_position": "post", "final_norm": true,
"positions": {"kind": "sinusoidal", "base": 10000.0, "frequency_factors": null},
"embedding": {"scaled": true, "num_token_types": 0, "norm": false},
"head": {"tied": false, "bias": true, "transform": true}, "pooler": false, "dropout": 0.0}"""
TODAY = {
    WINDOWED: TransformerConfig.uniform(
        vocab_size=31,
        context_length=24,
        d_model=16,
        num_layers=2,
        attention=SlidingWindowConfig(num_heads=4, num_kv_heads=2, head_dim=4, query_key_norm="head", window=3),
        feed_forward=DenseFeedForward(d_ff=24, activation="silu", gated=True, bias=False),
        norm=NormConfig(kind="rms"),
        rotary=RotaryConfig(base=500.0, frequency_factors=(1.0, 4.0)),
    ),
    TRANSLATOR: TransformerConfig.uniform(
        kind="encoder_decoder",
        vocab_size=50,
        context_length=16,
        d_model=9,
        num_layers=1,
        num_encoder_layers=2,
        attention=SoftmaxConfig(num_heads=2, num_kv_heads=2, head_dim=4, bias=True),
        feed_forward=DenseFeedForward(d_ff=16, activation="relu"),
        norm_position="post",
        positions=PositionConfig(kind="sinusoidal"),
        embedding=EmbeddingConfig(scale=3.0),
        head=VocabularyHead(tied=False, bias=True, transform="gelu"),
    ),
}


@pytest.mark.parametrize(("old", "today"), TODAY.items(), ids=["windowed", "translator"])
def test_it_says_the_same(old, today):
    assert from_dict(TransformerConfig, from_version_1(json.loads(old))) == today


@pytest.mark.parametrize("broken", [None, 3, {}, {"attention": 3}, {"attention": {}, "feed_forward": {}}])
def test_what_is_no_config_is_told_in_one_line(broken):
    with pytest.raises(ConfigError) as caught:
        from_dict(TransformerConfig, from_version_1(broken))
    assert "\n" not in str(caught.value)
