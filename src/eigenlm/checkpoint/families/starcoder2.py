"""StarCoder 2: layer norms, biases, a window, and a feed-forward without a gate."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.families.activations import ours, theirs
from eigenlm.checkpoint.families.dialect import dense_of, softmax_of, windowed, windows_of
from eigenlm.checkpoint.families.llama import gguf_dialect, hugging_face_dialect
from eigenlm.model import TransformerConfig

_CONSTANTS = {"norm.kind": "layer", "layer.feed_forward.gated": False}


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    biases = ("layer.attention.bias", "layer.attention.output_bias", "layer.feed_forward.bias")
    return {
        **dict.fromkeys(biases, values["use_bias"]),
        "layer.feed_forward.activation": ours("starcoder2", values["hidden_act"]),
        "layers": windowed([values.get("sliding_window")]),
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    return {
        "use_bias": softmax_of(config).bias,
        "hidden_act": theirs(dense_of(config).activation),
        "sliding_window": windows_of(config)[0],
    }


_BASE = hugging_face_dialect("starcoder2", "Starcoder2", constants=_CONSTANTS, read=_read, write=_write)
STARCODER2 = replace(
    _BASE,
    fields={**_BASE.fields, "norm.eps": "norm_epsilon", "dropout": "residual_dropout"},
    fixed={},
    defaults=lambda values: {
        **_BASE.defaults(values),
        "hidden_act": "gelu_pytorch_tanh",
        "norm_epsilon": 1e-5,
        "residual_dropout": 0.0,
        "tie_word_embeddings": True,
        "use_bias": True,
    },
    names={
        **_BASE.names,
        "blocks.{i}.feed_forward.up": "model.layers.{i}.mlp.c_fc",
        "blocks.{i}.feed_forward.down": "model.layers.{i}.mlp.c_proj",
    },
)
_GGUF = gguf_dialect(
    "starcoder2",
    names={},
    norms=False,
    always={"layer.attention.output_bias": True, "layer.feed_forward.bias": True},
    shared_width=True,
)
GGUF_STARCODER2 = replace(
    _GGUF,
    constants={**_GGUF.constants, **_CONSTANTS, "layer.feed_forward.activation": "gelu_tanh"},
    fields={**_GGUF.fields, "norm.eps": "attention.layer_norm_epsilon"},
)
