"""Gemma 1, 2 and 3: norms whose weight is kept less 1, a scaled embedding, GELU gates.

Gemma 2 (arXiv:2408.00118) adds norms after each part, bounds on scores and logits, and windows in every other layer;
Gemma 3 (arXiv:2503.19786) norms on queries and keys instead of the bound on scores, and two rotations.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.families.dialect import Dialect, Location, refuse, softmax_of, vocabulary_of
from eigenlm.checkpoint.families.layer_types import (
    alternating,
    gguf_by_layer_type,
    read_types,
    read_windows,
    with_two_ropes,
    write_windows,
)
from eigenlm.checkpoint.families.layout import PlusOne
from eigenlm.checkpoint.families.llama import gguf_dialect, hugging_face_dialect, read_bias, read_head
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig

_GELU = "gelu_pytorch_tanh"
_CONSTANTS = {"norm.unit_offset": True, "layer.feed_forward.activation": "gelu_tanh", "layer.feed_forward.bias": False}
_SANDWICH = {**_CONSTANTS, "layer.norm_position": "sandwich"}
_ABSENT = {"head_dim": 256, "rms_norm_eps": 1e-6, "tie_word_embeddings": True}
_OUTPUT_NORMS = {
    "blocks.{i}.attention_output_norm": "model.layers.{i}.post_attention_layernorm",
    "blocks.{i}.feed_forward_norm": "model.layers.{i}.pre_feedforward_layernorm",
    "blocks.{i}.feed_forward_output_norm": "model.layers.{i}.post_feedforward_layernorm",
}
_FIXED_2 = {"hidden_activation": _GELU, "use_bidirectional_attention": False}


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**read_bias(values), "embedding.scale": values["hidden_size"] ** 0.5}


def _read_1(values: Mapping[str, Any]) -> dict[str, Any]:
    activation = values.get("hidden_act", _GELU)
    if activation not in (_GELU, "gelu"):  # the first releases say gelu and mean its approximation
        raise refuse("gemma", f"hidden_act = {_GELU!r}", repr(activation))
    return _read(values)


def _read_3(values: Mapping[str, Any]) -> dict[str, Any]:
    scalar = values.get("query_pre_attn_scalar", 256)
    return {
        **_read(values),
        "layer.attention.scale": None if scalar == values["head_dim"] else scalar**-0.5,
        **read_head(values, softcap=values.get("final_logit_softcapping")),
    }


def _read_2(values: Mapping[str, Any]) -> dict[str, Any]:
    types = read_types(values, alternating(values["num_hidden_layers"], 2))
    return {
        **_read_3({"final_logit_softcapping": 30.0, **values}),
        "layer.attention.softcap": values.get("attn_logit_softcapping", 50.0),
        "layers": read_windows(values, types),
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    return {"attention_bias": softmax_of(config).bias}


def _write_3(config: TransformerConfig) -> dict[str, Any]:
    attention, head = softmax_of(config), vocabulary_of(config)
    return {
        **_write(config),
        "query_pre_attn_scalar": attention.head_dim if attention.scale is None else round(attention.scale**-2),
        "final_logit_softcapping": None if head is None else head.softcap,
    }


def _write_2(config: TransformerConfig) -> dict[str, Any]:
    said = {**_write_3(config), **write_windows(config)}
    return {**said, "attn_logit_softcapping": softmax_of(config).softcap}


def _gemma(dialect: Dialect, fixed: Mapping[str, Any], names: Mapping[str, str]) -> Dialect:
    return replace(
        dialect,
        fixed=fixed,
        defaults=lambda values: {**dialect.defaults(values), **_ABSENT},
        names={**dialect.names, **names},
    )


GEMMA = _gemma(
    hugging_face_dialect(
        "gemma",
        "Gemma",
        constants=_CONSTANTS,
        read=_read_1,
        write=lambda config: {**_write(config), "hidden_act": _GELU},
    ),
    fixed={"use_bidirectional_attention": False},
    names={},
)
GEMMA2 = _gemma(
    hugging_face_dialect("gemma2", "Gemma2", constants=_SANDWICH, read=_read_2, write=_write_2),
    fixed=_FIXED_2,
    names=_OUTPUT_NORMS,
)
GEMMA3 = _gemma(
    with_two_ropes(
        hugging_face_dialect(
            "gemma3_text",
            "Gemma3",
            constants={**_SANDWICH, "layer.attention.query_key_norm": "head"},
            read=_read_3,
            write=_write_3,
        ),
        every=6,
        base=1e6,
        local_base=("rope_local_base_freq", 1e4),
    ),
    fixed={**_FIXED_2, "attn_logit_softcapping": None},
    names=_OUTPUT_NORMS,
)

_GGUF_NORMS = {
    "blocks.{i}.attention_norm": "blk.{i}.attn_norm",
    "blocks.{i}.feed_forward_norm": "blk.{i}.ffn_norm",
    "norm": "output_norm",
}
_GGUF_OUTPUT_NORMS = {
    **_GGUF_NORMS,
    "blocks.{i}.attention_output_norm": "blk.{i}.post_attention_norm",
    "blocks.{i}.feed_forward_output_norm": "blk.{i}.post_ffw_norm",
    "blocks.{i}.attention.query_norm": "blk.{i}.attn_q_norm",
    "blocks.{i}.attention.key_norm": "blk.{i}.attn_k_norm",
}


def _gguf_gemma(
    architecture: str, constants: Mapping[str, Any], norms: Mapping[str, str], layers_of_27b: int
) -> Dialect:
    """One of the architectures as if all its layers were of full attention.

    Args:
        architecture: its name.
        constants: our fields that have one value in it.
        norms: names of its norms, which are stored as the factors that they are.
        layers_of_27b: the number of layers by which llama.cpp knows the one model with another scale of scores.
    """
    names = {ours: Location(theirs, (PlusOne(),)) for ours, theirs in norms.items()}
    dialect = gguf_dialect(architecture, names=names, norms=architecture == "gemma3")

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        ours, D = dialect.read(values, tensors), values["embedding_length"]
        width = D // values["attention.head_count"] if values["block_count"] == layers_of_27b else None
        return {
            **ours,
            "embedding.scale": D**0.5,
            "layer.attention.scale": None if width in (None, values["attention.key_length"]) else width**-0.5,
            "head": {"tied": architecture != "gemma3" or "output.weight" not in tensors},
            "layer.attention.bias": False,
        }

    return replace(dialect, constants={**dialect.constants, **constants}, read=read)


def _capped(dialect: Dialect, scores: float | None, logits: float | None) -> Dialect:
    """The architecture with a bound of logits, and one of scores if it knows them; and what absent ones mean."""

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        return {
            **dialect.read(values, tensors),
            "layer.attention.softcap": scores and values.get("attn_logit_softcapping", scores),
            "head.softcap": values.get("final_logit_softcapping", logits),
        }

    def write(config: TransformerConfig) -> dict[str, Any]:
        head = vocabulary_of(config)
        caps = {
            "attn_logit_softcapping": softmax_of(config).softcap,
            "final_logit_softcapping": None if head is None else head.softcap,
        }
        return {**dialect.write(config), **{key: cap for key, cap in caps.items() if cap is not None}}

    return replace(dialect, read=read, write=write)


GGUF_GEMMA = _gguf_gemma("gemma", _CONSTANTS, _GGUF_NORMS, 0)
GGUF_GEMMA2 = gguf_by_layer_type(
    _capped(_gguf_gemma("gemma2", _SANDWICH, _GGUF_OUTPUT_NORMS, 46), 50.0, 30.0),
    every=2,
    window=4096,
    local_rotary=lambda values, full: {**full, "base": values.get("rope.freq_base_swa", full["base"])},
)
GGUF_GEMMA3 = gguf_by_layer_type(
    _capped(_gguf_gemma("gemma3", _SANDWICH, _GGUF_OUTPUT_NORMS, 62), None, None),
    every=6,
    window=None,
    local_rotary=lambda values, full: {
        **full,
        "base": values.get("rope.freq_base_swa", 1e4),
        "frequency_factors": None,
    },
)
