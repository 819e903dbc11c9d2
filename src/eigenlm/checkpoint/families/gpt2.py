"""GPT-2: learned positions, LayerNorm, GELU, one fused matrix for query, key and value."""

from collections.abc import Mapping
from typing import Any

from eigenlm.attention import SoftmaxConfig
from eigenlm.checkpoint.families.activations import ours, theirs
from eigenlm.checkpoint.families.dialect import Dialect, Location, dense_of, equal_heads, is_tied, refuse, softmax_of
from eigenlm.checkpoint.families.layout import Rows, Transposed
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig

_FUSED = ("query", "key", "value")
_CONSTANTS = {
    "kind": "decoder",
    "norm.kind": "layer",
    "positions.kind": "learned",
    "layer.attention.bias": True,
    "layer.attention.output_bias": True,
    "layer.feed_forward.bias": True,
}


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    inner = 4 * values.get("n_embd", 0)
    return {"n_inner": inner, "activation_function": "gelu_new", "resid_pdrop": 0.1, "tie_word_embeddings": True}


def _read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    architecture = (values.get("architectures") or ["GPT2LMHeadModel"])[0]
    if architecture not in ("GPT2LMHeadModel", "GPT2Model"):
        raise refuse("gpt2", "GPT2LMHeadModel or GPT2Model", architecture)
    tied = values["tie_word_embeddings"]
    return {
        **equal_heads("gpt2", values["n_head"], values["n_embd"]),
        "layer.feed_forward.activation": ours("gpt2", values["activation_function"]),
        "layers": _read_scales(values),
        "head": {"tied": tied} if architecture == "GPT2LMHeadModel" else None,
    }


def _read_scales(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Scores are divided by sqrt(K), unless a switch says not to, and by the number of the layer, if another does."""
    root = (values["n_embd"] // values["n_head"]) ** -0.5 if values.get("scale_attn_weights", True) else 1.0
    if values.get("scale_attn_by_inverse_layer_idx"):
        return [{"attention.scale": root / (i + 1)} for i in range(values["n_layer"])]
    return [{"attention.scale": None if values.get("scale_attn_weights", True) else root}]


def _write_scales(config: TransformerConfig) -> dict[str, Any]:
    scales = [layer.attention.scale for layer in config.layers if isinstance(layer.attention, SoftmaxConfig)]
    return {
        "scale_attn_weights": scales[0] != 1.0,
        "scale_attn_by_inverse_layer_idx": len(set(scales)) > 1,
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    return {
        "architectures": ["GPT2LMHeadModel" if config.head is not None else "GPT2Model"],
        "model_type": "gpt2",
        "n_head": softmax_of(config).num_heads,
        "activation_function": theirs(dense_of(config).activation),
        **_write_scales(config),
        "tie_word_embeddings": is_tied(config),
        "embd_pdrop": config.dropout,
        "attn_pdrop": 0.0,
    }


GPT2 = Dialect(
    family="gpt2",
    constants=_CONSTANTS,
    fields={
        "vocab_size": "vocab_size",
        "context_length": "n_positions",
        "d_model": "n_embd",
        "num_layers": "n_layer",
        "layer.feed_forward.d_ff": "n_inner",
        "norm.eps": "layer_norm_epsilon",
        "dropout": "resid_pdrop",
    },
    fixed={"add_cross_attention": False},
    defaults=_defaults,
    read=_read,
    write=_write,
    names={
        "embedding.token": "transformer.wte",
        "embedding.position": "transformer.wpe",
        "blocks.{i}.attention_norm": "transformer.h.{i}.ln_1",
        "blocks.{i}.attention.query": Location("transformer.h.{i}.attn.c_attn", (Transposed(), Rows("query", _FUSED))),
        "blocks.{i}.attention.key": Location("transformer.h.{i}.attn.c_attn", (Transposed(), Rows("key", _FUSED))),
        "blocks.{i}.attention.value": Location("transformer.h.{i}.attn.c_attn", (Transposed(), Rows("value", _FUSED))),
        "blocks.{i}.attention.output": Location("transformer.h.{i}.attn.c_proj", (Transposed(),)),
        "blocks.{i}.feed_forward_norm": "transformer.h.{i}.ln_2",
        "blocks.{i}.feed_forward.up": Location("transformer.h.{i}.mlp.c_fc", (Transposed(),)),
        "blocks.{i}.feed_forward.down": Location("transformer.h.{i}.mlp.c_proj", (Transposed(),)),
        "norm": "transformer.ln_f",
        "head": "lm_head",
    },
    prefix="transformer.",
    twins={"lm_head.weight": "transformer.wte.weight"},
    leftovers=r"(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)",
)


def _read_gguf(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    return {
        **equal_heads("gpt2", values["attention.head_count"], values["embedding_length"]),
        "vocab_size": tensors.shape("token_embd.weight")[0],
        "head": {"tied": "output.weight" not in tensors},
    }


GGUF_GPT2 = Dialect(
    family="gpt2",
    constants={**_CONSTANTS, "layer.feed_forward.activation": "gelu_tanh"},  # the only one llama.cpp computes for it
    fields={
        "vocab_size": "vocab_size",
        "context_length": "context_length",
        "d_model": "embedding_length",
        "num_layers": "block_count",
        "layer.feed_forward.d_ff": "feed_forward_length",
        "norm.eps": "attention.layer_norm_epsilon",
    },
    read=_read_gguf,
    write=lambda config: {"attention.head_count": softmax_of(config).num_heads},
    names={
        "embedding.token": "token_embd",
        "embedding.position": "position_embd",
        "blocks.{i}.attention_norm": "blk.{i}.attn_norm",
        "blocks.{i}.attention.query": Location("blk.{i}.attn_qkv", (Rows("query", _FUSED),)),
        "blocks.{i}.attention.key": Location("blk.{i}.attn_qkv", (Rows("key", _FUSED),)),
        "blocks.{i}.attention.value": Location("blk.{i}.attn_qkv", (Rows("value", _FUSED),)),
        "blocks.{i}.attention.output": "blk.{i}.attn_output",
        "blocks.{i}.feed_forward_norm": "blk.{i}.ffn_norm",
        "blocks.{i}.feed_forward.up": "blk.{i}.ffn_up",
        "blocks.{i}.feed_forward.down": "blk.{i}.ffn_down",
        "norm": "output_norm",
        "head": "output",
    },
)
