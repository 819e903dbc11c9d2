"""BART and its kin, mBART, Marian and Pegasus: encoder-decoders with biases and one table of tokens."""

from collections.abc import Mapping
from typing import Any

from eigenlm.checkpoint.families.activations import ours, theirs
from eigenlm.checkpoint.families.dialect import (
    Dialect,
    Location,
    dense_of,
    encoder_softmax_of,
    equal_heads,
    refuse,
    softmax_of,
)
from eigenlm.checkpoint.families.encoder_decoder import both_stacks
from eigenlm.checkpoint.families.layout import OneRow
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig

_BIASES = {"bias": True, "output_bias": True}
_CONSTANTS = {
    "kind": "encoder_decoder",
    "norm.kind": "layer",
    "norm.eps": 1e-5,
    **{f"layer.cross_attention.{name}": value for name, value in _BIASES.items()},
    **both_stacks({f"attention.{name}": value for name, value in _BIASES.items()}),
}
# Places of BART and mBART: two tables, each two rows longer than the context, and a norm after each.
_LEARNED = {"positions.kind": "learned", "positions.offset": 2, "embedding.apart": True, "embedding.norm": True}
_SINUSOIDAL = {"positions.kind": "sinusoidal", "positions.interleaved": False}
_POST = {**both_stacks({"norm_position": "post"}), "final_norm": False}
_PRE = {**both_stacks({"norm_position": "pre"}), "final_norm": True}


def _layer_names(ours: str, theirs: str) -> dict[str, str]:
    return {
        **_attention_names(f"{ours}.attention", f"{theirs}.self_attn"),
        f"{ours}.attention_norm": f"{theirs}.self_attn_layer_norm",
        f"{ours}.feed_forward.up": f"{theirs}.fc1",
        f"{ours}.feed_forward.down": f"{theirs}.fc2",
        f"{ours}.feed_forward_norm": f"{theirs}.final_layer_norm",
    }


def _attention_names(ours: str, theirs: str) -> dict[str, str]:
    parts = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "out_proj"}
    return {f"{ours}.{part}": f"{theirs}.{name}" for part, name in parts.items()}


_FIELDS = {
    "vocab_size": "vocab_size",
    "context_length": "max_position_embeddings",
    "d_model": "d_model",
    "num_layers": "decoder_layers",
    "num_encoder_layers": "encoder_layers",
    "layer.feed_forward.d_ff": "decoder_ffn_dim",
    "encoder_layer.feed_forward.d_ff": "encoder_ffn_dim",
    "dropout": "dropout",
}
_NAMES: dict[str, str | Location] = {
    "embedding.token": "model.shared",
    "embedding.position": "model.decoder.embed_positions",
    "embedding.norm": "model.decoder.layernorm_embedding",
    "encoder_embedding.position": "model.encoder.embed_positions",
    "encoder_embedding.norm": "model.encoder.layernorm_embedding",
    **_layer_names("encoder.{i}", "model.encoder.layers.{i}"),
    **_layer_names("blocks.{i}", "model.decoder.layers.{i}"),
    **_attention_names("blocks.{i}.cross_attention", "model.decoder.layers.{i}.encoder_attn"),
    "blocks.{i}.cross_attention_norm": "model.decoder.layers.{i}.encoder_attn_layer_norm",
    "encoder_norm": "model.encoder.layer_norm",
    "norm": "model.decoder.layer_norm",
    "head.bias": Location("final_logits_bias", (OneRow(),)),
}


def _heads(family: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Heads of each stack; the decoder looks at the encoder with as many as at itself."""
    decoder = equal_heads(family, values["decoder_attention_heads"], values["d_model"])
    encoder = equal_heads(family, values["encoder_attention_heads"], values["d_model"])
    crossing = {name.replace("attention", "cross_attention"): value for name, value in decoder.items()}
    return {**decoder, **crossing, **{f"encoder_{name}": value for name, value in encoder.items()}}


def _dialect(family: str, model: str, answering: str, constants: Mapping[str, Any], *, activation: str) -> Dialect:
    """One of the families.

    Args:
        family: `model_type` in config.json.
        model: its class without a head.
        answering: its class with one.
        constants: our fields that have one value in the whole family.
        activation: what an absent `activation_function` means.
    """

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        architecture = (values.get("architectures") or [answering])[0]
        if architecture not in (model, answering):
            raise refuse(family, f"{answering} or {model}", architecture)
        if values.get("decoder_vocab_size") not in (None, values["vocab_size"]):
            raise refuse(family, "one vocabulary for both stacks", f"decoder_vocab_size {values['decoder_vocab_size']}")
        return {
            **_heads(family, values),
            **both_stacks({"feed_forward.activation": ours(family, values["activation_function"])}),
            "embedding.scale": values["d_model"] ** 0.5 if values["scale_embedding"] else 1.0,
            "head": {"bias": "final_logits_bias" in tensors} if architecture == answering else None,
        }

    def write(config: TransformerConfig) -> dict[str, Any]:
        return {
            "architectures": [model if config.head is None else answering],
            "model_type": family,
            "is_encoder_decoder": True,
            "encoder_attention_heads": encoder_softmax_of(config).num_heads,
            "decoder_attention_heads": softmax_of(config).num_heads,
            "activation_function": theirs(dense_of(config).activation),
            "scale_embedding": config.embedding.scale != 1.0,
            "attention_dropout": 0.0,
        }

    return Dialect(
        family=family,
        constants={**_CONSTANTS, **constants},
        fields=_FIELDS,
        fixed={"tie_word_embeddings": True, "share_encoder_decoder_embeddings": True},
        defaults=lambda values: {"activation_function": activation, "scale_embedding": False, "dropout": 0.1},
        read=read,
        write=write,
        names=_NAMES,
        prefix="model.",
        twins=dict.fromkeys(
            ("lm_head.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"),
            "model.shared.weight",
        ),
        leftovers=r"(model\.)?(encoder|decoder)\.(version|embed_positions\.weight)",
    )


BART = _dialect("bart", "BartModel", "BartForConditionalGeneration", {**_LEARNED, **_POST}, activation="gelu")
MBART = _dialect("mbart", "MBartModel", "MBartForConditionalGeneration", {**_LEARNED, **_PRE}, activation="gelu")
MARIAN = _dialect("marian", "MarianModel", "MarianMTModel", {**_SINUSOIDAL, **_POST}, activation="gelu")
PEGASUS = _dialect(
    "pegasus", "PegasusModel", "PegasusForConditionalGeneration", {**_SINUSOIDAL, **_PRE}, activation="gelu"
)
