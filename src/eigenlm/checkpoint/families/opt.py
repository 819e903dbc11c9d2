"""OPT: learned positions from the third row on, ReLU, and norms after each part in the model of 350 million."""

from typing import Any

from eigenlm.checkpoint.dialects.decoder_heads import language_head
from eigenlm.checkpoint.dialects.dialect import Dialect, FamilyPart, FileReading
from eigenlm.checkpoint.dialects.keys import SIZES, Refusal, activation, choice
from eigenlm.checkpoint.dialects.names import below, in_blocks
from eigenlm.model import TransformerConfig


def _read(file: FileReading) -> dict[str, Any]:
    values, width = file.values, file.ours["d_model"]
    if values.get("word_embed_proj_dim") not in (None, width):
        raise Refusal("word_embed_proj_dim = hidden_size", values["word_embed_proj_dim"])
    return {"final_norm": values["do_layer_norm_before"] and not values.get("_remove_final_layer_norm")}


def _write(config: TransformerConfig) -> dict[str, Any]:
    before = config.layers[0].norm_position == "pre"
    return {"word_embed_proj_dim": config.d_model, "_remove_final_layer_norm": before and not config.final_norm}


OPT = Dialect(
    family="opt",
    constants={
        "kind": "decoder",
        "norm.kind": "layer",
        "norm.eps": 1e-5,
        "positions.kind": "learned",
        "positions.offset": 2,
        "layer.feed_forward.gated": False,
    },
    fields={
        **SIZES,
        "layer.norm_position": choice("do_layer_norm_before", {True: "pre", False: "post"}),
        "layer.attention.bias": "enable_bias",
        "layer.attention.output_bias": "enable_bias",
        "layer.feed_forward.d_ff": "ffn_dim",
        "layer.feed_forward.activation": activation("activation_function"),
        "layer.feed_forward.bias": "enable_bias",
        "dropout": "dropout",
    },
    fixed={"layer_norm_elementwise_affine": True},
    defaults={
        **dict.fromkeys(("do_layer_norm_before", "enable_bias", "tie_word_embeddings"), True),
        "activation_function": "relu",
        "dropout": 0.1,
    },
    parts={"head": language_head("OPT"), "final_norm": FamilyPart(_read, _write)},
    names={
        **below("embedding.", "model.decoder.embed_", {"token": "tokens", "position": "positions"}),
        **in_blocks(
            "model.decoder.layers.{i}.",
            {
                "attention_norm": "self_attn_layer_norm",
                "attention.query": "self_attn.q_proj",
                "attention.key": "self_attn.k_proj",
                "attention.value": "self_attn.v_proj",
                "attention.output": "self_attn.out_proj",
                "feed_forward_norm": "final_layer_norm",
                "feed_forward.up": "fc1",
                "feed_forward.down": "fc2",
            },
        ),
        "norm": "model.decoder.final_layer_norm",
        "head": "lm_head",
    },
    prefix="model.",
    twins={"lm_head.weight": "model.decoder.embed_tokens.weight"},
)
HUGGING_FACE = (OPT,)
