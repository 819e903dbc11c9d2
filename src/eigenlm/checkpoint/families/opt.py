"""OPT: learned positions from the third row on, ReLU, and norms after each part in the model of 350 million."""

from collections.abc import Mapping
from typing import Any

from eigenlm.checkpoint.families.activations import ours, theirs
from eigenlm.checkpoint.families.dialect import Dialect, dense_of, equal_heads, is_tied, refuse, softmax_of
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig

_LAYER = "model.decoder.layers.{i}"


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    on = dict.fromkeys(("do_layer_norm_before", "enable_bias", "tie_word_embeddings"), True)
    width = values.get("hidden_size")
    return {**on, "activation_function": "relu", "dropout": 0.1, "word_embed_proj_dim": width}


def _read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    architecture = (values.get("architectures") or ["OPTForCausalLM"])[0]
    if architecture not in ("OPTForCausalLM", "OPTModel"):
        raise refuse("opt", "OPTForCausalLM or OPTModel", architecture)
    if values["word_embed_proj_dim"] != values["hidden_size"]:
        raise refuse("opt", "word_embed_proj_dim = hidden_size", values["word_embed_proj_dim"])
    biases = ("layer.attention.bias", "layer.attention.output_bias", "layer.feed_forward.bias")
    before = values["do_layer_norm_before"]
    return {
        **equal_heads("opt", values["num_attention_heads"], values["hidden_size"]),
        **dict.fromkeys(biases, values["enable_bias"]),
        "layer.feed_forward.activation": ours("opt", values["activation_function"]),
        "layer.norm_position": "pre" if before else "post",
        "final_norm": before and not values.get("_remove_final_layer_norm"),
        "head": {"tied": values["tie_word_embeddings"]} if architecture == "OPTForCausalLM" else None,
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    before = config.layers[0].norm_position == "pre"
    return {
        "architectures": ["OPTForCausalLM" if config.head is not None else "OPTModel"],
        "model_type": "opt",
        "num_attention_heads": softmax_of(config).num_heads,
        "word_embed_proj_dim": config.d_model,
        "enable_bias": softmax_of(config).bias,
        "activation_function": theirs(dense_of(config).activation),
        "do_layer_norm_before": before,
        "_remove_final_layer_norm": before and not config.final_norm,
        "tie_word_embeddings": is_tied(config),
    }


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
        "vocab_size": "vocab_size",
        "context_length": "max_position_embeddings",
        "d_model": "hidden_size",
        "num_layers": "num_hidden_layers",
        "layer.feed_forward.d_ff": "ffn_dim",
        "dropout": "dropout",
    },
    fixed={"layer_norm_elementwise_affine": True},
    defaults=_defaults,
    read=_read,
    write=_write,
    names={
        "embedding.token": "model.decoder.embed_tokens",
        "embedding.position": "model.decoder.embed_positions",
        "blocks.{i}.attention_norm": f"{_LAYER}.self_attn_layer_norm",
        "blocks.{i}.attention.query": f"{_LAYER}.self_attn.q_proj",
        "blocks.{i}.attention.key": f"{_LAYER}.self_attn.k_proj",
        "blocks.{i}.attention.value": f"{_LAYER}.self_attn.v_proj",
        "blocks.{i}.attention.output": f"{_LAYER}.self_attn.out_proj",
        "blocks.{i}.feed_forward_norm": f"{_LAYER}.final_layer_norm",
        "blocks.{i}.feed_forward.up": f"{_LAYER}.fc1",
        "blocks.{i}.feed_forward.down": f"{_LAYER}.fc2",
        "norm": "model.decoder.final_layer_norm",
        "head": "lm_head",
    },
    prefix="model.",
    twins={"lm_head.weight": "model.decoder.embed_tokens.weight"},
)
