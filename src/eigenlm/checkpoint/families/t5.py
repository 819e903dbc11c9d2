"""T5, T5 1.1 and FLAN-T5: encoder-decoders that know of places by relative biases alone (arXiv:1910.10683)."""

from collections.abc import Mapping
from typing import Any

import torch

from eigenlm.checkpoint.families.activations import ours, theirs
from eigenlm.checkpoint.families.dialect import Dialect, dense_of, is_tied, refuse, softmax_of, vocabulary_of
from eigenlm.checkpoint.families.encoder_decoder import both_stacks
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig

_CONSTANTS = {
    "kind": "encoder_decoder",
    "norm.kind": "rms",
    "positions.kind": "none",
    "layer.cross_attention.scale": 1.0,
    "layer.attention.relative_bias.bidirectional": False,
    "encoder_layer.attention.relative_bias.bidirectional": True,
    **both_stacks({"attention.scale": 1.0, "feed_forward.bias": False}),
}
_NO_POSITIONS = 512  # n_positions of every T5; relative biases know no end


def _fields(own: Mapping[str, str], *, heads: str, head_dim: str, buckets: str, d_ff: str) -> dict[str, str]:
    """Fields of the model, and those that all its layers share, which both formats say once."""
    sizes = {"num_heads": heads, "num_kv_heads": heads, "head_dim": head_dim}
    attention = {f"attention.{name}": theirs for name, theirs in sizes.items()}
    layer = {**attention, "attention.relative_bias.num_buckets": buckets, "feed_forward.d_ff": d_ff}
    cross = {f"layer.cross_attention.{name}": theirs for name, theirs in sizes.items()}
    return {**own, **both_stacks(layer), **cross}


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "num_decoder_layers": values.get("num_layers"),
        "n_positions": _NO_POSITIONS,
        "feed_forward_proj": "relu",
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128,
        "dropout_rate": 0.1,
    }


def _read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    gate, dash, name = values["feed_forward_proj"].rpartition("-")
    if gate not in ("", "gated"):
        raise refuse("t5", "feed_forward_proj of one activation or of gated-ACTIVATION", values["feed_forward_proj"])
    # "gated-gelu" has always meant the approximation.
    activation = "gelu_tanh" if dash and name == "gelu" else ours("t5", name)
    forward = {"feed_forward.activation": activation, "feed_forward.gated": bool(dash)}
    return {**both_stacks(forward), "head": _read_head(values, tensors)}


def _read_head(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any] | None:
    """T5 1.0 has a scaled head, 1.1 one of its own without a scale; files of transformers 5 always say `tied`."""
    architecture = (values.get("architectures") or ["T5ForConditionalGeneration"])[0]
    if architecture == "T5Model":
        return None
    if architecture not in ("T5ForConditionalGeneration", "T5WithLMHeadModel"):
        raise refuse("t5", "T5ForConditionalGeneration or T5Model", architecture)
    said = values.get("tie_word_embeddings") is not False
    scaled = values.get("scale_decoder_outputs", said)
    tied = "lm_head.weight" not in tensors or (
        said and "shared.weight" in tensors and torch.equal(tensors["lm_head.weight"], tensors["shared.weight"])
    )
    return {"tied": tied, "scale": values["d_model"] ** -0.5 if scaled else 1.0}


def _write(config: TransformerConfig) -> dict[str, Any]:
    head, forward = vocabulary_of(config), dense_of(config)
    activation = "gelu" if forward.gated and forward.activation == "gelu_tanh" else theirs(forward.activation)
    return {
        "architectures": ["T5Model" if head is None else "T5ForConditionalGeneration"],
        "model_type": "t5",
        "is_encoder_decoder": True,
        "feed_forward_proj": f"gated-{activation}" if forward.gated else activation,
        "is_gated_act": forward.gated,
        "dense_act_fn": theirs(forward.activation),
        "tie_word_embeddings": head is None or is_tied(config),
        "scale_decoder_outputs": head is not None and head.scale != 1.0,
    }


def _feed_forward_names(config: TransformerConfig) -> dict[str, str]:
    """`wi`, or `wi_0` for the gate and `wi_1` for the other branch."""
    up = "wi_1" if dense_of(config).gated else "wi"
    return {
        "blocks.{i}.feed_forward.up": f"decoder.block.{{i}}.layer.2.DenseReluDense.{up}",
        "encoder.{i}.feed_forward.up": f"encoder.block.{{i}}.layer.1.DenseReluDense.{up}",
    }


def _attention_names(ours: str, theirs: str) -> dict[str, str]:
    parts = {"query": "q", "key": "k", "value": "v", "output": "o"}
    return {f"{ours}.{part}": f"{theirs}.{letter}" for part, letter in parts.items()}


T5 = Dialect(
    family="t5",
    constants=_CONSTANTS,
    fields={
        **_fields(
            {
                "vocab_size": "vocab_size",
                "context_length": "n_positions",
                "d_model": "d_model",
                "num_layers": "num_decoder_layers",
                "num_encoder_layers": "num_layers",
                "norm.eps": "layer_norm_epsilon",
                "dropout": "dropout_rate",
            },
            heads="num_heads",
            head_dim="d_kv",
            buckets="relative_attention_num_buckets",
            d_ff="d_ff",
        ),
        **both_stacks({"attention.relative_bias.max_distance": "relative_attention_max_distance"}),
    },
    defaults=_defaults,
    read=_read,
    write=_write,
    names={
        "embedding.token": "shared",
        "encoder.{i}.attention_norm": "encoder.block.{i}.layer.0.layer_norm",
        **_attention_names("encoder.{i}.attention", "encoder.block.{i}.layer.0.SelfAttention"),
        "encoder.{i}.attention.softmax.relative_bias": (
            "encoder.block.{i}.layer.0.SelfAttention.relative_attention_bias"
        ),
        "encoder.{i}.feed_forward_norm": "encoder.block.{i}.layer.1.layer_norm",
        "encoder.{i}.feed_forward.gate": "encoder.block.{i}.layer.1.DenseReluDense.wi_0",
        "encoder.{i}.feed_forward.down": "encoder.block.{i}.layer.1.DenseReluDense.wo",
        "encoder_norm": "encoder.final_layer_norm",
        "blocks.{i}.attention_norm": "decoder.block.{i}.layer.0.layer_norm",
        **_attention_names("blocks.{i}.attention", "decoder.block.{i}.layer.0.SelfAttention"),
        "blocks.{i}.attention.softmax.relative_bias": "decoder.block.{i}.layer.0.SelfAttention.relative_attention_bias",
        "blocks.{i}.cross_attention_norm": "decoder.block.{i}.layer.1.layer_norm",
        **_attention_names("blocks.{i}.cross_attention", "decoder.block.{i}.layer.1.EncDecAttention"),
        "blocks.{i}.feed_forward_norm": "decoder.block.{i}.layer.2.layer_norm",
        "blocks.{i}.feed_forward.gate": "decoder.block.{i}.layer.2.DenseReluDense.wi_0",
        "blocks.{i}.feed_forward.down": "decoder.block.{i}.layer.2.DenseReluDense.wo",
        "norm": "decoder.final_layer_norm",
        "head": "lm_head",
    },
    names_of=_feed_forward_names,
    twins={
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
        "lm_head.weight": "shared.weight",
    },
    leftovers=r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",
)


def _read_gguf(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    """What llama.cpp takes a T5 for: with gates, GELU; without, ReLU."""
    if values["decoder_block_count"] > values["block_count"]:
        raise refuse("t5", "no more layers in the decoder than in the encoder", values["decoder_block_count"])
    gated, tied = "enc.blk.0.ffn_gate.weight" in tensors, "output.weight" not in tensors
    forward = {"feed_forward.activation": "gelu_tanh" if gated else "relu", "feed_forward.gated": gated}
    return {
        **both_stacks(forward),
        "vocab_size": tensors.shape("token_embd.weight")[0],
        "head": {"tied": tied, "scale": values["embedding_length"] ** -0.5 if tied and not gated else 1.0},
    }


def _write_gguf(config: TransformerConfig) -> dict[str, Any]:
    return {
        "attention.value_length": softmax_of(config).head_dim,
        "attention.head_count_kv": softmax_of(config).num_heads,
        "attention.layer_norm_epsilon": config.norm.eps,
    }


def _with_larger_logits(config: TransformerConfig) -> str | None:
    head = vocabulary_of(config)
    if head is None or head.scale == 1.0:
        return None
    return f"llama.cpp computes its logits {1 / head.scale:.3g} times as large, so it samples as at a lower temperature"


def _gguf_attention_names(ours: str, theirs: str) -> dict[str, str]:
    parts = {"query": "q", "key": "k", "value": "v", "output": "o"}
    return {f"{ours}.{part}": f"{theirs}_{letter}" for part, letter in parts.items()}


def _gguf_layer_names(ours: str, theirs: str) -> dict[str, str]:
    return {
        **_gguf_attention_names(f"{ours}.attention", f"{theirs}.attn"),
        f"{ours}.attention_norm": f"{theirs}.attn_norm",
        f"{ours}.attention.softmax.relative_bias": f"{theirs}.attn_rel_b",
        f"{ours}.feed_forward_norm": f"{theirs}.ffn_norm",
        f"{ours}.feed_forward.gate": f"{theirs}.ffn_gate",
        f"{ours}.feed_forward.up": f"{theirs}.ffn_up",
        f"{ours}.feed_forward.down": f"{theirs}.ffn_down",
    }


GGUF_T5 = Dialect(
    family="t5",
    constants={**_CONSTANTS, **both_stacks({"attention.relative_bias.max_distance": 128})},
    fields=_fields(
        {
            "vocab_size": "vocab_size",
            "context_length": "context_length",
            "d_model": "embedding_length",
            "num_layers": "decoder_block_count",
            "num_encoder_layers": "block_count",
            "norm.eps": "attention.layer_norm_rms_epsilon",
        },
        heads="attention.head_count",
        head_dim="attention.key_length",
        buckets="attention.relative_buckets_count",
        d_ff="feed_forward_length",
    ),
    defaults=lambda values: {
        "decoder_block_count": values.get("block_count"),
        "attention.layer_norm_rms_epsilon": values.get("attention.layer_norm_epsilon"),
    },
    read=_read_gguf,
    write=_write_gguf,
    names={
        "embedding.token": "token_embd",
        **_gguf_layer_names("encoder.{i}", "enc.blk.{i}"),
        "encoder_norm": "enc.output_norm",
        **_gguf_layer_names("blocks.{i}", "dec.blk.{i}"),
        **_gguf_attention_names("blocks.{i}.cross_attention", "dec.blk.{i}.cross_attn"),
        "blocks.{i}.cross_attention_norm": "dec.blk.{i}.cross_attn_norm",
        "norm": "dec.output_norm",
        "head": "output",
    },
    leftovers=r"dec\.blk\.\d+\.cross_attn_rel_b\.weight",
    misread=_with_larger_logits,
)
