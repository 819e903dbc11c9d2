"""GPT-2: learned positions, LayerNorm, GELU, one fused matrix for query, key and value."""

from typing import Any

from eigenlm.attention import SoftmaxConfig
from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import Dialect, FamilyPart, FileReading
from eigenlm.checkpoint.dialects.gguf import GGUF_BASE
from eigenlm.checkpoint.dialects.keys import activation, biases
from eigenlm.checkpoint.dialects.layers import HEAD_DIM
from eigenlm.checkpoint.dialects.layout import TRANSPOSED
from eigenlm.checkpoint.dialects.names import QUERY_KEY_VALUE, Location, fused, in_blocks
from eigenlm.model import TransformerConfig

_CONSTANTS = {
    "kind": "decoder",
    "norm.kind": "layer",
    "positions.kind": "learned",
    **biases(True, True, True),
}


def _read_scales(file: FileReading) -> dict[str, Any]:
    """Scores are divided by sqrt(K), unless a switch says not to, and by the number of the layer, if another does."""
    scaled = file.values.get("scale_attn_weights", True)
    root = file.ours[HEAD_DIM] ** -0.5 if scaled else 1.0
    if file.values.get("scale_attn_by_inverse_layer_idx"):
        return {"layers": [{"attention.scale": root / (i + 1)} for i in range(file.ours["num_layers"])]}
    return {"layer.attention.scale": None if scaled else root}


def _write(config: TransformerConfig) -> dict[str, Any]:
    scales = [layer.attention.scale for layer in config.layers if isinstance(layer.attention, SoftmaxConfig)]
    return {
        "scale_attn_weights": not scales or scales[0] != 1.0,
        "scale_attn_by_inverse_layer_idx": len(set(scales)) > 1,
        "embd_pdrop": config.dropout,
    }


GPT2 = Dialect(
    family="gpt2",
    constants=_CONSTANTS,
    fields={
        "vocab_size": "vocab_size",
        "context_length": "n_positions",
        "d_model": "n_embd",
        "num_layers": "n_layer",
        "layer.attention.num_heads": "n_head",
        "layer.feed_forward.d_ff": "n_inner",
        "layer.feed_forward.activation": activation("activation_function"),
        "norm.eps": "layer_norm_epsilon",
        "dropout": "resid_pdrop",
    },
    fixed={"add_cross_attention": False},
    defaults={
        "n_inner": lambda values: 4 * values["n_embd"],
        "activation_function": "gelu_new",
        "resid_pdrop": 0.1,
        "tie_word_embeddings": True,
    },
    written={"attn_pdrop": 0.0},
    parts={"head": language_head("GPT2", "LMHeadModel"), "scales": FamilyPart(_read_scales, _write)},
    names={
        "embedding.token": "transformer.wte",
        "embedding.position": "transformer.wpe",
        **fused("blocks.{i}.attention.", "transformer.h.{i}.attn.c_attn", QUERY_KEY_VALUE, TRANSPOSED),
        "blocks.{i}.attention.output": Location("transformer.h.{i}.attn.c_proj", (TRANSPOSED,)),
        "blocks.{i}.feed_forward.up": Location("transformer.h.{i}.mlp.c_fc", (TRANSPOSED,)),
        "blocks.{i}.feed_forward.down": Location("transformer.h.{i}.mlp.c_proj", (TRANSPOSED,)),
        **in_blocks("transformer.h.{i}.", {"attention_norm": "ln_1", "feed_forward_norm": "ln_2"}),
        "norm": "transformer.ln_f",
        "head": "lm_head",
    },
    prefix="transformer.",
    twins={"lm_head.weight": "transformer.wte.weight"},
    leftovers=r"(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)",
)
GGUF_GPT2 = GGUF_BASE.but(
    "gpt2",
    constants={**_CONSTANTS, "layer.feed_forward.activation": "gelu_tanh"},  # the only one llama.cpp computes for it
    names=fused("blocks.{i}.attention.", "blk.{i}.attn_qkv", QUERY_KEY_VALUE),
)
HUGGING_FACE = (GPT2,)
GGUF = (GGUF_GPT2,)
