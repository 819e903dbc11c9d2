"""GPT-NeoX (Pythia): attention and feed-forward beside each other, a part of each head turned, one matrix for all."""

from typing import Any

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import FamilyPart
from eigenlm.checkpoint.dialects.gguf import GGUF_DECODER, LAYER_NORM_EPS
from eigenlm.checkpoint.dialects.gguf_rope import gguf_rope
from eigenlm.checkpoint.dialects.keys import activation, biases, choice
from eigenlm.checkpoint.dialects.layers import HEADS_OF_THE_STREAM, softmax_of
from eigenlm.checkpoint.dialects.layout import head_rows
from eigenlm.checkpoint.dialects.names import QUERY_KEY_VALUE, Location, fused, in_blocks
from eigenlm.checkpoint.dialects.rope import rope, rotary_of
from eigenlm.checkpoint.families.llama import LLAMA
from eigenlm.model import TransformerConfig

_CONSTANTS = {"norm.kind": "layer", "layer.feed_forward.gated": False, "layer.feed_forward.bias": True}
_PARALLEL = {"layer.parallel": choice("use_parallel_residual", {True: "two_norms", False: None, None: None})}


def _old_rope(config: TransformerConfig) -> dict[str, Any]:
    """As transformers 4 spells the rotation."""
    rotary, head_dim = rotary_of(config), softmax_of(config).head_dim
    return {"rotary_pct": (rotary.width or head_dim) / head_dim, "rotary_emb_base": rotary.base}


GPT_NEOX = LLAMA.but(
    "gpt_neox",
    constants=_CONSTANTS,
    fields={
        **_PARALLEL,
        "layer.attention.num_kv_heads": ...,
        "layer.attention.head_dim": ...,
        "layer.feed_forward.activation": activation("hidden_act"),
        "norm.eps": "layer_norm_eps",
        "dropout": "hidden_dropout",
    },
    absent={"use_parallel_residual": True},
    defaults={
        "attention_bias": True,
        "hidden_act": "gelu",
        "hidden_dropout": 0.0,
        "partial_rotary_factor": lambda values: values.get("rotary_pct", 0.25),
        "rope_theta": lambda values: values.get("rotary_emb_base"),
    },
    parts={"head": language_head("GPTNeoX"), "rope": rope(partial=True), "old_rope": FamilyPart(write=_old_rope)},
    names={
        "embedding.token": "gpt_neox.embed_in",
        **{
            f"blocks.{{i}}.attention.{name}": Location(
                "gpt_neox.layers.{i}.attention.query_key_value", (head_rows(part),)
            )
            for part, name in enumerate(QUERY_KEY_VALUE)
        },
        **in_blocks(
            "gpt_neox.layers.{i}.",
            {
                "attention_norm": "input_layernorm",
                "attention.output": "attention.dense",
                "feed_forward_norm": "post_attention_layernorm",
                "feed_forward.up": "mlp.dense_h_to_4h",
                "feed_forward.down": "mlp.dense_4h_to_h",
            },
        ),
        "norm": "gpt_neox.final_layer_norm",
        "head": "embed_out",
    },
    elsewhere={"head": "lm_head"},
    prefix="gpt_neox.",
    twins=dict.fromkeys(("lm_head.weight", "embed_out.weight"), "gpt_neox.embed_in.weight"),
    leftovers=r"(gpt_neox\.)?layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)",
)
GGUF_GPT_NEOX = GGUF_DECODER.but(
    "gptneox",
    # Biases and a head of its own are what llama.cpp requires; it approximates GELU, as it does BERT's.
    constants={
        **_CONSTANTS,
        **biases(True, True, True),
        "layer.feed_forward.activation": "gelu",
        "head.tied": False,
    },
    fields={**_PARALLEL, "norm.eps": LAYER_NORM_EPS},
    absent={"use_parallel_residual": True},
    parts={"heads": HEADS_OF_THE_STREAM, "rope": gguf_rope(partial=True)},
    names=fused("blocks.{i}.attention.", "blk.{i}.attn_qkv", QUERY_KEY_VALUE),
)
HUGGING_FACE = (GPT_NEOX,)
GGUF = (GGUF_GPT_NEOX,)
