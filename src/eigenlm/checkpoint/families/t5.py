"""T5, T5 1.1 and FLAN-T5: encoder-decoders that know of places by relative biases alone (arXiv:1910.10683)."""

from typing import Any

import torch

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import Dialect, FamilyPart, FileReading
from eigenlm.checkpoint.dialects.encoder_decoder import attentions, both_stacks
from eigenlm.checkpoint.dialects.gguf import GGUF_BASE, LAYER_NORM_EPS
from eigenlm.checkpoint.dialects.keys import Refusal, activation
from eigenlm.checkpoint.dialects.layers import dense_of, softmax_of, vocabulary_of
from eigenlm.checkpoint.dialects.names import below
from eigenlm.model import TransformerConfig

_CONSTANTS = {
    "kind": "encoder_decoder",
    "norm.kind": "rms",
    "positions.kind": "none",
    "layer.attention.relative_bias.bidirectional": False,
    "encoder_layer.attention.relative_bias.bidirectional": True,
    **attentions({"scale": 1.0}),
    **both_stacks({"feed_forward.bias": False}),
}
_ACTIVATION = activation("feed_forward_proj")


def _read_feed_forward(file: FileReading) -> dict[str, Any]:
    said = file.values["feed_forward_proj"]
    gate, dash, name = said.rpartition("-")
    if gate not in ("", "gated"):
        raise Refusal("feed_forward_proj of one activation or of gated-ACTIVATION", said)
    # "gated-gelu" has always meant the approximation.
    computed = "gelu_tanh" if dash and name == "gelu" else _ACTIVATION.ours(name)
    return both_stacks({"feed_forward.activation": computed, "feed_forward.gated": bool(dash)})


def _write_feed_forward(config: TransformerConfig) -> dict[str, Any]:
    forward = dense_of(config)
    name = _ACTIVATION.theirs(forward.activation)
    told = "gelu" if forward.gated and forward.activation == "gelu_tanh" else name
    proj = f"gated-{told}" if forward.gated else told
    return {"feed_forward_proj": proj, "is_gated_act": forward.gated, "dense_act_fn": name}


def _feed_forward_names(config: TransformerConfig) -> dict[str, str]:
    """`wi`, or `wi_0` for the gate and `wi_1` for the other branch."""
    up = "wi_1" if dense_of(config).gated else "wi"
    return {
        "blocks.{i}.feed_forward.up": f"decoder.block.{{i}}.layer.2.DenseReluDense.{up}",
        "encoder.{i}.feed_forward.up": f"encoder.block.{{i}}.layer.1.DenseReluDense.{up}",
    }


def _read_head(file: FileReading) -> dict[str, Any]:
    """T5 1.0 has a scaled head, 1.1 one of its own without a scale; files of transformers 5 always say `tied`."""
    values, tensors = file.values, file.tensors
    said = values.get("tie_word_embeddings") is not False
    scaled = values.get("scale_decoder_outputs", said)
    tied = "lm_head.weight" not in tensors or (
        said and "shared.weight" in tensors and torch.equal(tensors["lm_head.weight"], tensors["shared.weight"])
    )
    return {"head.tied": tied, "head.scale": values["d_model"] ** -0.5 if scaled else 1.0}


def _write_scale(config: TransformerConfig) -> dict[str, Any]:
    head = vocabulary_of(config)
    return {"scale_decoder_outputs": head is not None and head.scale != 1.0}


_ATTENTION = {"query": "q", "key": "k", "value": "v", "output": "o"}


def _stack(ours: str, theirs: str, feed_forward: int) -> dict[str, str]:
    """Names of a layer, whose feed-forward is its second or its third part."""
    attention, dense = f"{theirs}.layer.0.", f"{theirs}.layer.{feed_forward}."
    return {
        f"{ours}.attention_norm": f"{attention}layer_norm",
        **below(f"{ours}.attention.", f"{attention}SelfAttention.", _ATTENTION),
        f"{ours}.attention.softmax.relative_bias": f"{attention}SelfAttention.relative_attention_bias",
        f"{ours}.feed_forward_norm": f"{dense}layer_norm",
        f"{ours}.feed_forward.gate": f"{dense}DenseReluDense.wi_0",
        f"{ours}.feed_forward.down": f"{dense}DenseReluDense.wo",
    }


T5 = Dialect(
    family="t5",
    constants=_CONSTANTS,
    fields={
        "vocab_size": "vocab_size",
        "context_length": "n_positions",
        "d_model": "d_model",
        "num_layers": "num_decoder_layers",
        "num_encoder_layers": "num_layers",
        "norm.eps": "layer_norm_epsilon",
        "dropout": "dropout_rate",
        **attentions({"num_heads": "num_heads", "head_dim": "d_kv"}),
        **both_stacks(
            {
                "attention.relative_bias.num_buckets": "relative_attention_num_buckets",
                "attention.relative_bias.max_distance": "relative_attention_max_distance",
                "feed_forward.d_ff": "d_ff",
            }
        ),
    },
    defaults={
        "num_decoder_layers": lambda values: values.get("num_layers"),
        "n_positions": 512,  # of every T5; relative biases know no end
        "feed_forward_proj": "relu",
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128,
        "dropout_rate": 0.1,
    },
    written={"is_encoder_decoder": True},
    parts={
        "feed_forward": FamilyPart(_read_feed_forward, _write_feed_forward, _feed_forward_names),
        "head": language_head("T5", "ForConditionalGeneration", "WithLMHeadModel", fields=_read_head),
        "scale": FamilyPart(write=_write_scale),
    },
    names={
        "embedding.token": "shared",
        **_stack("encoder.{i}", "encoder.block.{i}", 1),
        "encoder_norm": "encoder.final_layer_norm",
        **_stack("blocks.{i}", "decoder.block.{i}", 2),
        "blocks.{i}.cross_attention_norm": "decoder.block.{i}.layer.1.layer_norm",
        **below("blocks.{i}.cross_attention.", "decoder.block.{i}.layer.1.EncDecAttention.", _ATTENTION),
        "norm": "decoder.final_layer_norm",
        "head": "lm_head",
    },
    twins=dict.fromkeys(
        ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"), "shared.weight"
    ),
    leftovers=r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",
)


def _read_gguf(file: FileReading) -> dict[str, Any]:
    """What llama.cpp takes a T5 for: with gates, GELU; without, ReLU."""
    if file.ours["num_layers"] > file.ours["num_encoder_layers"]:
        raise Refusal("no more layers in the decoder than in the encoder", file.ours["num_layers"])
    gated, tied = "enc.blk.0.ffn_gate.weight" in file.tensors, "output.weight" not in file.tensors
    forward = {"feed_forward.activation": "gelu_tanh" if gated else "relu", "feed_forward.gated": gated}
    return {**both_stacks(forward), "head.scale": file.ours["d_model"] ** -0.5 if tied and not gated else 1.0}


def _write_gguf(config: TransformerConfig) -> dict[str, Any]:
    attention = softmax_of(config)
    return {
        "attention.value_length": attention.head_dim,
        "attention.head_count_kv": attention.num_heads,
        LAYER_NORM_EPS: config.norm.eps,
    }


def _with_larger_logits(config: TransformerConfig) -> str | None:
    head = vocabulary_of(config)
    if head is None or head.scale == 1.0:
        return None
    return f"llama.cpp computes its logits {1 / head.scale:.3g} times as large, so it samples as at a lower temperature"


_GGUF_LAYER = {
    **below("attention.", "attn_", _ATTENTION),
    "attention_norm": "attn_norm",
    "attention.softmax.relative_bias": "attn_rel_b",
    "feed_forward_norm": "ffn_norm",
    "feed_forward.gate": "ffn_gate",
    "feed_forward.up": "ffn_up",
    "feed_forward.down": "ffn_down",
}
GGUF_T5 = GGUF_BASE.but(
    "t5",
    constants={**_CONSTANTS, **both_stacks({"attention.relative_bias.max_distance": 128})},
    fields={
        "num_layers": "decoder_block_count",
        "num_encoder_layers": "block_count",
        "norm.eps": "attention.layer_norm_rms_epsilon",
        **attentions({"num_heads": "attention.head_count", "head_dim": "attention.key_length"}),
        **both_stacks(
            {
                "attention.relative_bias.num_buckets": "attention.relative_buckets_count",
                "feed_forward.d_ff": "feed_forward_length",
            }
        ),
    },
    defaults={
        "decoder_block_count": lambda values: values.get("block_count"),
        "attention.layer_norm_rms_epsilon": lambda values: values.get(LAYER_NORM_EPS),
    },
    parts={"feed_forward": FamilyPart(_read_gguf, _write_gguf, misread=_with_larger_logits)},
    names={
        **below("encoder.{i}.", "enc.blk.{i}.", _GGUF_LAYER),
        "encoder_norm": "enc.output_norm",
        **below("blocks.{i}.", "dec.blk.{i}.", _GGUF_LAYER),
        **below("blocks.{i}.cross_attention.", "dec.blk.{i}.cross_attn_", _ATTENTION),
        "blocks.{i}.cross_attention_norm": "dec.blk.{i}.cross_attn_norm",
        "norm": "dec.output_norm",
    },
    leftovers=r"dec\.blk\.\d+\.cross_attn_rel_b\.weight",
)
HUGGING_FACE = (T5,)
GGUF = (GGUF_T5,)
