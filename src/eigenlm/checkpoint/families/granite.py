"""Granite: a Llama with four numbers by which embedding, scores, residual branches and logits are scaled."""

import math
from typing import Any

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.keys import Key
from eigenlm.checkpoint.dialects.layers import HEAD_DIM, softmax_of
from eigenlm.checkpoint.families.llama import GGUF_LLAMA, LLAMA
from eigenlm.model import TransformerConfig


def _scale_of_scores(key: str) -> FamilyPart:
    """What scores are multiplied by; usually the root of the width of heads divides them."""

    def read(file: FileReading) -> dict[str, Any]:
        usual = file.ours[HEAD_DIM] ** -0.5
        scale = file.values.get(key) or usual
        return {"layer.attention.scale": None if math.isclose(scale, usual, rel_tol=1e-6) else float(scale)}

    def write(config: TransformerConfig) -> dict[str, Any]:
        attention = softmax_of(config)
        return {key: attention.scale or attention.head_dim**-0.5}

    return FamilyPart(read, write)


def _scales(embedding: str, residual: str, logits: str) -> dict[str, Key]:
    """The other three; logits are divided by theirs."""
    inverse = Key(logits, lambda divisor: 1.0 / divisor, lambda scale: 1.0 if scale is None else 1.0 / scale)
    scales = {"embedding.scale": Key(embedding, float), "layer.residual_scale": Key(residual, float)}
    return {**scales, "head.scale": inverse}


GRANITE = LLAMA.but(
    "granite",
    fields=_scales("embedding_multiplier", "residual_multiplier", "logits_scaling"),
    defaults=dict.fromkeys(
        ("embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling"), 1.0
    ),
    parts={"head": language_head("Granite"), "scores": _scale_of_scores("attention_multiplier")},
)
GGUF_GRANITE = GGUF_LLAMA.but(
    "granite",
    fields=_scales("embedding_scale", "residual_scale", "logit_scale"),
    fixed={"expert_count": 0},
    defaults={"embedding_scale": 1.0, "residual_scale": 1.0},
    parts={"scores": _scale_of_scores("attention.scale"), "experts": ...},
)
HUGGING_FACE = (GRANITE,)
GGUF = (GGUF_GRANITE,)
