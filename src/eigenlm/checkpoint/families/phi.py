"""Phi: parts of a layer beside each other under one norm (Phi 1 and 2); fused matrices and LongRoPE (Phi 3 and 4)."""

from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.gguf import GGUF_DECODER, LAYER_NORM_EPS
from eigenlm.checkpoint.dialects.gguf_rope import SHORT_AND_LONG, gguf_rope
from eigenlm.checkpoint.dialects.keys import NO_BIAS, activation, biases, choice
from eigenlm.checkpoint.dialects.layers import HEADS_OF_THE_STREAM
from eigenlm.checkpoint.dialects.names import GATE_UP, QUERY_KEY_VALUE, fused, in_blocks
from eigenlm.checkpoint.dialects.rope import rope, rotary_of
from eigenlm.checkpoint.dialects.windows import one_window
from eigenlm.checkpoint.families.llama import LLAMA
from eigenlm.model import TransformerConfig

_ROPE = rope(partial=True)


def _rope_of_phi3(file: FileReading) -> Any:
    """Early files call LongRoPE `su` or `yarn`."""
    names = {"su": "longrope", "yarn": "longrope"}
    renamed = {
        key: {**scaling, "rope_type": names.get(kind, kind)}
        for key in ("rope_scaling", "rope_parameters")
        if (scaling := file.values.get(key)) and (kind := scaling.get("rope_type") or scaling.get("type"))
    }
    return _ROPE.read(replace(file, values={**file.values, **renamed}))


PHI3 = LLAMA.but(
    "phi3",
    constants=NO_BIAS,
    defaults={"partial_rotary_factor": 1.0, "original_max_position_embeddings": 4096},
    parts={
        "head": language_head("Phi3"),
        "rope": replace(_ROPE, read=_rope_of_phi3),
        "original_length": FamilyPart(
            write=lambda config: {
                "original_max_position_embeddings": rotary_of(config).original_length or config.context_length
            }
        ),
        "heads": HEADS_OF_THE_STREAM,
        "layers": one_window(),
    },
    names={
        **fused("blocks.{i}.attention.", "model.layers.{i}.self_attn.qkv_proj", QUERY_KEY_VALUE),
        **fused("blocks.{i}.feed_forward.", "model.layers.{i}.mlp.gate_up_proj", GATE_UP),
    },
)


def _with_long_factors(config: TransformerConfig) -> str | None:
    rotary = rotary_of(config)
    if rotary.long_factors is None:
        return None
    length = f"{rotary.original_length:,} tokens"
    return f"opened with a context of more than {length}, llama.cpp turns short texts too as it does long ones"


GGUF_PHI3 = GGUF_DECODER.but(
    "phi3",
    parts={
        "heads": HEADS_OF_THE_STREAM,
        "rope": replace(gguf_rope(SHORT_AND_LONG, partial=True), misread=_with_long_factors),
    },
    names={
        **fused("blocks.{i}.attention.", "blk.{i}.attn_qkv", QUERY_KEY_VALUE),
        **fused("blocks.{i}.feed_forward.", "blk.{i}.ffn_up", GATE_UP),
    },
)

_CONSTANTS = {
    **biases(True, True, True),
    "norm.kind": "layer",
    "layer.parallel": "one_norm",
    "layer.feed_forward.gated": False,
    "head.bias": True,
}
PHI = LLAMA.but(
    "phi",
    constants=_CONSTANTS,
    fields={
        "norm.eps": "layer_norm_eps",
        "dropout": "resid_pdrop",
        "layer.feed_forward.activation": activation("hidden_act"),
        "layer.attention.query_key_norm": choice("qk_layernorm", {False: None, True: "head"}),
    },
    defaults={"qk_layernorm": False, "hidden_act": "gelu_new", "resid_pdrop": 0.0, "partial_rotary_factor": 0.5},
    parts={"head": language_head("Phi"), "rope": _ROPE},
    names={
        **in_blocks(
            "model.layers.{i}.",
            {
                "attention.query_norm": "self_attn.q_layernorm",
                "attention.key_norm": "self_attn.k_layernorm",
                "attention.output": "self_attn.dense",
                "feed_forward.up": "mlp.fc1",
                "feed_forward.down": "mlp.fc2",
            },
        ),
        "norm": "model.final_layernorm",
    },
)
GGUF_PHI2 = GGUF_DECODER.but(
    "phi2",
    constants={**_CONSTANTS, "layer.feed_forward.activation": "gelu_tanh", "head.tied": False},
    fields={"norm.eps": LAYER_NORM_EPS},
    parts={"heads": HEADS_OF_THE_STREAM, "rope": gguf_rope(partial=True)},
)
HUGGING_FACE = (PHI, PHI3)
GGUF = (GGUF_PHI2, GGUF_PHI3)
