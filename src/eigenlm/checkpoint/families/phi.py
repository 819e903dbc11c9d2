"""Phi: parts of a layer beside each other under one norm (Phi 1 and 2); fused matrices and LongRoPE (Phi 3 and 4)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.families.activations import ours, theirs
from eigenlm.checkpoint.families.dialect import Location, dense_of, equal_heads, refuse, windowed, windows_of
from eigenlm.checkpoint.families.layout import Rows
from eigenlm.checkpoint.families.llama import gguf_dialect, hugging_face_dialect
from eigenlm.checkpoint.families.rope import FACTORS, LONG_FACTORS, LONG_ROPE_TENSOR, SHORT_ROPE_TENSOR, rotary_of
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig

_HEADS = ("query", "key", "value")
_BRANCHES = ("gate", "up")


def _fused(attention: str, feed_forward: str) -> dict[str, str | Location]:
    """Where query, key and value are one matrix, and gate and up another."""
    heads = {f"blocks.{{i}}.attention.{name}": Location(attention, (Rows(name, _HEADS),)) for name in _HEADS}
    branches = {
        f"blocks.{{i}}.feed_forward.{name}": Location(feed_forward, (Rows(name, _BRANCHES),)) for name in _BRANCHES
    }
    return {**heads, **branches}


def heads_of_the_stream(family: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The width of heads that share the width of the stream among them, in a family of grouped heads.

    Raises:
        CheckpointError: they have another.
    """
    width = equal_heads(family, values["num_attention_heads"], values["hidden_size"])["layer.attention.head_dim"]
    if values["head_dim"] != width:
        raise refuse(family, f"heads of width {width}", values["head_dim"])
    return {"layer.attention.head_dim": width}


_PHI3 = hugging_face_dialect(
    "phi3",
    "Phi3",
    constants={"layer.feed_forward.bias": False},
    read=lambda values: {
        **heads_of_the_stream("phi3", values),
        "layers": windowed([values.get("sliding_window")]),
    },
    write=lambda config: {
        "sliding_window": windows_of(config)[0],
        "original_max_position_embeddings": rotary_of(config).original_length or config.context_length,
    },
    turned=1.0,
)


def _read_phi3(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    """Early files call LongRoPE `su` or `yarn`."""
    names = {"su": "longrope", "yarn": "longrope"}
    renamed = {
        key: {**scaling, "rope_type": names.get(kind, kind)}
        for key in ("rope_scaling", "rope_parameters")
        if (scaling := values.get(key)) and (kind := scaling.get("rope_type") or scaling.get("type"))
    }
    return _PHI3.read({**values, **renamed}, tensors)


PHI3 = replace(
    _PHI3,
    defaults=lambda values: {**_PHI3.defaults(values), "original_max_position_embeddings": 4096},
    read=_read_phi3,
    names={**_PHI3.names, **_fused("model.layers.{i}.self_attn.qkv_proj", "model.layers.{i}.mlp.gate_up_proj")},
)
_GGUF_PHI3 = gguf_dialect(
    "phi3",
    names={
        **_fused("blk.{i}.attn_qkv", "blk.{i}.ffn_up"),
        FACTORS: Location(SHORT_ROPE_TENSOR),
        LONG_FACTORS: Location(LONG_ROPE_TENSOR),
    },
    norms=False,
    whole_heads=False,
    shared_width=True,
)


def _with_long_factors(config: TransformerConfig) -> str | None:
    rotary = rotary_of(config)
    if rotary.long_factors is None:
        return _GGUF_PHI3.misread(config)
    length = f"{rotary.original_length:,} tokens"
    return f"opened with a context of more than {length}, llama.cpp turns short texts too as it does long ones"


GGUF_PHI3 = replace(_GGUF_PHI3, leftovers=r"rope_factors_(short|long)\.weight", misread=_with_long_factors)


_PHI_BIASES = dict.fromkeys(("layer.attention.bias", "layer.attention.output_bias", "layer.feed_forward.bias"), True)
_PHI_CONSTANTS = {
    "norm.kind": "layer",
    "layer.parallel": "one_norm",
    "layer.feed_forward.gated": False,
    **_PHI_BIASES,
}
_PHI = hugging_face_dialect(
    "phi",
    "Phi",
    constants=_PHI_CONSTANTS,
    read=lambda values: {"layer.feed_forward.activation": ours("phi", values["hidden_act"])},
    write=lambda config: {"hidden_act": theirs(dense_of(config).activation)},
    turned=0.5,
)


def _read_phi(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    """The head, if there is one, has a bias."""
    fields = _PHI.read(values, tensors)
    return fields if fields["head"] is None else {**fields, "head": {**fields["head"], "bias": True}}


PHI = replace(
    _PHI,
    fields={**_PHI.fields, "norm.eps": "layer_norm_eps", "dropout": "resid_pdrop"},
    fixed={"qk_layernorm": False},
    defaults=lambda values: {**_PHI.defaults(values), "hidden_act": "gelu_new", "resid_pdrop": 0.0},
    read=_read_phi,
    names={
        **_PHI.names,
        "blocks.{i}.attention.output": "model.layers.{i}.self_attn.dense",
        "blocks.{i}.feed_forward.up": "model.layers.{i}.mlp.fc1",
        "blocks.{i}.feed_forward.down": "model.layers.{i}.mlp.fc2",
        "norm": "model.final_layernorm",
    },
)
_GGUF_PHI2 = gguf_dialect(
    "phi2",
    names={},
    norms=False,
    always={**_PHI_BIASES, "head": {"tied": False, "bias": True}},
    whole_heads=False,
    shared_width=True,
)
GGUF_PHI2 = replace(
    _GGUF_PHI2,
    constants={**_GGUF_PHI2.constants, **_PHI_CONSTANTS, "layer.feed_forward.activation": "gelu_tanh"},
    fields={**_GGUF_PHI2.fields, "norm.eps": "attention.layer_norm_epsilon"},
)
