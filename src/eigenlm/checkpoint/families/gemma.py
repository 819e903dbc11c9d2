"""Gemma 1, 2 and 3: norms whose weight is kept less 1, a scaled embedding, GELU gates.

Gemma 2 (arXiv:2408.00118) adds norms after each part, bounds on scores and logits, and windows in every other layer;
Gemma 3 (arXiv:2503.19786) norms on queries and keys instead of the bound on scores, and two rotations.
"""

from collections.abc import Mapping
from typing import Any

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.gguf import GGUF_DECODER
from eigenlm.checkpoint.dialects.gguf_rope import gguf_by_type
from eigenlm.checkpoint.dialects.keys import choice
from eigenlm.checkpoint.dialects.layers import HEAD_DIM, softmax_of
from eigenlm.checkpoint.dialects.layout import FACTORS_OF_A_NORM
from eigenlm.checkpoint.dialects.names import Location, in_blocks
from eigenlm.checkpoint.dialects.rope import ropes_by_type
from eigenlm.checkpoint.dialects.windows import FULL, LOCAL, by_type, every
from eigenlm.checkpoint.families.llama import LLAMA
from eigenlm.model import TransformerConfig

_GELU = "gelu_pytorch_tanh"
_CONSTANTS = {"norm.unit_offset": True, "layer.feed_forward.bias": False}
_SANDWICH = {"layer.norm_position": "sandwich"}


def _scale_of_scores(file: FileReading) -> dict[str, Any]:
    scalar = file.values["query_pre_attn_scalar"]
    return {"layer.attention.scale": None if scalar == file.ours[HEAD_DIM] else scalar**-0.5}


def _scalar_of_scores(config: TransformerConfig) -> dict[str, Any]:
    attention = softmax_of(config)
    return {"query_pre_attn_scalar": attention.head_dim if attention.scale is None else round(attention.scale**-2)}


GEMMA = LLAMA.but(
    "gemma",
    constants=_CONSTANTS,
    # The first releases say gelu and mean its approximation.
    fields={"layer.feed_forward.activation": choice("hidden_act", {_GELU: "gelu_tanh", "gelu": "gelu_tanh"})},
    fixed={"use_bidirectional_attention": False},
    defaults={"hidden_act": _GELU, "head_dim": 256, "rms_norm_eps": 1e-6, "tie_word_embeddings": True},
    parts={
        "head": language_head("Gemma"),
        "embedding": FamilyPart(read=lambda file: {"embedding.scale": file.ours["d_model"] ** 0.5}),
    },
)
GEMMA2 = GEMMA.but(
    "gemma2",
    constants=_SANDWICH,
    fields={
        "layer.feed_forward.activation": choice("hidden_activation", {_GELU: "gelu_tanh"}),
        "layer.attention.softcap": "attn_logit_softcapping",
        "head.softcap": "final_logit_softcapping",
    },
    defaults={"hidden_activation": _GELU, "query_pre_attn_scalar": 256},
    absent={"sliding_window": 4096, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    parts={
        "head": language_head("Gemma2"),
        "scores": FamilyPart(_scale_of_scores, _scalar_of_scores),
        "layers": by_type(every(2)),
    },
    names=in_blocks(
        "model.layers.{i}.",
        {
            "attention_output_norm": "post_attention_layernorm",
            "feed_forward_norm": "pre_feedforward_layernorm",
            "feed_forward_output_norm": "post_feedforward_layernorm",
        },
    ),
)
GEMMA3 = GEMMA2.but(
    "gemma3_text",
    constants={"layer.attention.query_key_norm": "head"},
    fields={"layer.attention.softcap": ...},
    fixed={"attn_logit_softcapping": None},
    absent={
        "vocab_size": 262208,
        "max_position_embeddings": 131072,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "attn_logit_softcapping": ...,
        "final_logit_softcapping": None,
    },
    parts={
        "head": language_head("Gemma3"),
        "rope": ropes_by_type(every(6), {FULL: ("rope_theta", 1e6), LOCAL: ("rope_local_base_freq", 1e4)}),
        "layers": by_type(every(6)),
    },
)


_NORMS = {
    ours: Location(theirs, (FACTORS_OF_A_NORM,))
    for ours, theirs in GGUF_DECODER.names.items()
    if ours.endswith("norm") and isinstance(theirs, str)
}


def _gguf_scale_of_scores(layers_of_27b: int) -> FamilyPart:
    """llama.cpp knows the one model with another scale by its number of layers."""

    def read(file: FileReading) -> dict[str, Any]:
        if file.ours["num_layers"] != layers_of_27b:
            return {"layer.attention.scale": None}
        width = file.ours["d_model"] // file.ours["layer.attention.num_heads"]
        return {"layer.attention.scale": None if width == file.ours[HEAD_DIM] else width**-0.5}

    return FamilyPart(read)


def _local_base(values: Mapping[str, Any], full: dict[str, Any]) -> dict[str, Any]:
    return {**full, "base": values.get("rope.freq_base_swa", full["base"])}


def _local_base_unscaled(values: Mapping[str, Any], full: dict[str, Any]) -> dict[str, Any]:
    return {**full, "base": values.get("rope.freq_base_swa", 1e4), "frequency_factors": None}


GGUF_GEMMA = GGUF_DECODER.but(
    "gemma",
    constants={
        **_CONSTANTS,
        "layer.feed_forward.activation": "gelu_tanh",
        "layer.attention.bias": False,
        "head.tied": True,
    },
    parts={"embedding": GEMMA.parts["embedding"]},
    names=_NORMS,
)
GGUF_GEMMA2 = GGUF_GEMMA.but(
    "gemma2",
    constants=_SANDWICH,
    fields={"layer.attention.softcap": "attn_logit_softcapping", "head.softcap": "final_logit_softcapping"},
    defaults={"attention.sliding_window": 4096, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    parts={"scores": _gguf_scale_of_scores(46), "layers": gguf_by_type(2, _local_base)},
)
GGUF_GEMMA3 = GGUF_GEMMA2.but(
    "gemma3",
    constants={"head.tied": ..., "layer.attention.query_key_norm": "head"},
    fields={"layer.attention.softcap": ...},  # llama.cpp reads over the key
    defaults={"attention.sliding_window": ..., "attn_logit_softcapping": ..., "final_logit_softcapping": None},
    parts={"scores": _gguf_scale_of_scores(62), "layers": gguf_by_type(6, _local_base_unscaled)},
)
HUGGING_FACE = (GEMMA, GEMMA2, GEMMA3)
GGUF = (GGUF_GEMMA, GGUF_GEMMA2, GGUF_GEMMA3)
