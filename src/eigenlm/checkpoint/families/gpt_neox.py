"""GPT-NeoX (Pythia): attention and feed-forward beside each other, a part of each head turned, one matrix for all."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.families.activations import ours, theirs
from eigenlm.checkpoint.families.dialect import Location, dense_of, equal_heads, softmax_of
from eigenlm.checkpoint.families.layout import HeadRows, Rows
from eigenlm.checkpoint.families.llama import gguf_dialect, hugging_face_dialect
from eigenlm.checkpoint.families.rope import rotary_of
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig

_FUSED = ("query", "key", "value")
_LAYER = "gpt_neox.layers.{i}"
_CONSTANTS = {"norm.kind": "layer", "layer.feed_forward.gated": False, "layer.feed_forward.bias": True}


def _parallel(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"layer.parallel": "two_norms" if values.get("use_parallel_residual", True) else None}


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **equal_heads("gpt_neox", values["num_attention_heads"], values["hidden_size"]),
        **_parallel(values),
        "layer.attention.bias": values["attention_bias"],
        "layer.attention.output_bias": values["attention_bias"],
        "layer.feed_forward.activation": ours("gpt_neox", values["hidden_act"]),
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    attention, rotary = softmax_of(config), rotary_of(config)
    return {
        "num_attention_heads": attention.num_heads,
        "attention_bias": attention.bias,
        "use_parallel_residual": config.layers[0].parallel is not None,
        "hidden_act": theirs(dense_of(config).activation),
        "rotary_pct": (rotary.width or attention.head_dim) / attention.head_dim,
        "rotary_emb_base": rotary.base,
    }


_BASE = hugging_face_dialect("gpt_neox", "GPTNeoX", constants=_CONSTANTS, read=_read, write=_write, turned=0.25)


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Files of transformers 4 spell the rotation in their own way."""
    return {
        **_BASE.defaults(values),
        "attention_bias": True,
        "hidden_act": "gelu",
        "hidden_dropout": 0.0,
        "partial_rotary_factor": values.get("rotary_pct", 0.25),
        "rope_theta": values.get("rotary_emb_base"),
    }


GPT_NEOX = replace(
    _BASE,
    fields={
        "vocab_size": "vocab_size",
        "context_length": "max_position_embeddings",
        "d_model": "hidden_size",
        "num_layers": "num_hidden_layers",
        "layer.feed_forward.d_ff": "intermediate_size",
        "norm.eps": "layer_norm_eps",
        "dropout": "hidden_dropout",
    },
    fixed={},
    defaults=_defaults,
    names={
        "embedding.token": "gpt_neox.embed_in",
        "blocks.{i}.attention_norm": f"{_LAYER}.input_layernorm",
        "blocks.{i}.attention.query": Location(f"{_LAYER}.attention.query_key_value", (HeadRows(0),)),
        "blocks.{i}.attention.key": Location(f"{_LAYER}.attention.query_key_value", (HeadRows(1),)),
        "blocks.{i}.attention.value": Location(f"{_LAYER}.attention.query_key_value", (HeadRows(2),)),
        "blocks.{i}.attention.output": f"{_LAYER}.attention.dense",
        "blocks.{i}.feed_forward_norm": f"{_LAYER}.post_attention_layernorm",
        "blocks.{i}.feed_forward.up": f"{_LAYER}.mlp.dense_h_to_4h",
        "blocks.{i}.feed_forward.down": f"{_LAYER}.mlp.dense_4h_to_h",
        "norm": "gpt_neox.final_layer_norm",
        "head": "embed_out",
    },
    elsewhere={"head": "lm_head"},
    prefix="gpt_neox.",
    twins=dict.fromkeys(("lm_head.weight", "embed_out.weight"), "gpt_neox.embed_in.weight"),
    leftovers=r"(gpt_neox\.)?layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)",
)


_GGUF = gguf_dialect(
    "gptneox",
    names={f"blocks.{{i}}.attention.{name}": Location("blk.{i}.attn_qkv", (Rows(name, _FUSED),)) for name in _FUSED},
    norms=False,
    whole_heads=False,
)


def _read_gguf(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    """Biases and a head of its own are what llama.cpp requires of the architecture."""
    return {
        **_GGUF.read(values, tensors),
        **equal_heads("gptneox", values["attention.head_count"], values["embedding_length"]),
        **_parallel(values),
        "head": {"tied": False},
        "layer.attention.bias": True,
        "layer.attention.output_bias": True,
        "layer.feed_forward.bias": True,
    }


def _write_gguf(config: TransformerConfig) -> dict[str, Any]:
    return {**_GGUF.write(config), "use_parallel_residual": config.layers[0].parallel is not None}


GGUF_GPT_NEOX = replace(
    _GGUF,
    # llama.cpp approximates it, as it does BERT's.
    constants={**_GGUF.constants, **_CONSTANTS, "layer.feed_forward.activation": "gelu"},
    fields={**_GGUF.fields, "norm.eps": "attention.layer_norm_epsilon"},
    read=_read_gguf,
    write=_write_gguf,
)
