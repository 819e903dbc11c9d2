"""BERT and MiniLM: an encoder with learned positions, segments and norms after each part."""

from collections.abc import Mapping
from typing import Any

from eigenlm.checkpoint.families.activations import ours, theirs
from eigenlm.checkpoint.families.dialect import (
    Dialect,
    Place,
    dense_of,
    equal_heads,
    is_tied,
    softmax_of,
    vocabulary_of,
)
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig

_CONSTANTS = {
    "kind": "encoder",
    "norm.kind": "layer",
    "layer.norm_position": "post",
    "final_norm": False,
    "positions.kind": "learned",
    "embedding.norm": True,
    "layer.attention.bias": True,
    "layer.attention.output_bias": True,
    "layer.feed_forward.bias": True,
}


def _read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    activation = ours("bert", values["hidden_act"])
    predicts = "cls.predictions.transform.dense.weight" in tensors
    head = {"tied": values["tie_word_embeddings"], "bias": True, "transform": activation}
    return {
        **equal_heads("bert", values["num_attention_heads"], values["hidden_size"]),
        "layer.feed_forward.activation": activation,
        "head": head if predicts else None,
        "pooler": any(f"{prefix}pooler.dense.weight" in tensors for prefix in ("bert.", "")),
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    return {
        "architectures": ["BertForMaskedLM" if config.head is not None else "BertModel"],
        "model_type": "bert",
        "num_attention_heads": softmax_of(config).num_heads,
        "hidden_act": theirs(dense_of(config).activation),
        "tie_word_embeddings": vocabulary_of(config) is None or is_tied(config),
        "attention_probs_dropout_prob": 0.0,
    }


BERT = Dialect(
    family="bert",
    constants=_CONSTANTS,
    fields={
        "vocab_size": "vocab_size",
        "context_length": "max_position_embeddings",
        "d_model": "hidden_size",
        "num_layers": "num_hidden_layers",
        "layer.feed_forward.d_ff": "intermediate_size",
        "norm.eps": "layer_norm_eps",
        "embedding.num_token_types": "type_vocab_size",
        "dropout": "hidden_dropout_prob",
    },
    defaults=lambda values: {"hidden_act": "gelu", "hidden_dropout_prob": 0.1, "tie_word_embeddings": True},
    fixed={"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False},
    read=_read,
    write=_write,
    names={
        "embedding.token": "bert.embeddings.word_embeddings",
        "embedding.position": "bert.embeddings.position_embeddings",
        "embedding.token_type": "bert.embeddings.token_type_embeddings",
        "embedding.norm": "bert.embeddings.LayerNorm",
        "blocks.{i}.attention.query": "bert.encoder.layer.{i}.attention.self.query",
        "blocks.{i}.attention.key": "bert.encoder.layer.{i}.attention.self.key",
        "blocks.{i}.attention.value": "bert.encoder.layer.{i}.attention.self.value",
        "blocks.{i}.attention.output": "bert.encoder.layer.{i}.attention.output.dense",
        "blocks.{i}.attention_norm": "bert.encoder.layer.{i}.attention.output.LayerNorm",
        "blocks.{i}.feed_forward.up": "bert.encoder.layer.{i}.intermediate.dense",
        "blocks.{i}.feed_forward.down": "bert.encoder.layer.{i}.output.dense",
        "blocks.{i}.feed_forward_norm": "bert.encoder.layer.{i}.output.LayerNorm",
        "pooler": "bert.pooler.dense",
        "head.transform": "cls.predictions.transform.dense",
        "head.transform_norm": "cls.predictions.transform.LayerNorm",
        "head.weight": "cls.predictions.decoder.weight",
        # transformers adds decoder.bias; it is the same tensor as cls.predictions.bias unless the head is untied.
        "head.bias": Place("cls.predictions.decoder.bias", also="cls.predictions.bias"),
    },
    prefix="bert.",
    twins={"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight"},
    leftovers=r"(bert\.)?embeddings\.position_ids|cls\.seq_relationship\..*",
)


def _read_gguf(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    return {
        **equal_heads("bert", values["attention.head_count"], values["embedding_length"]),
        "vocab_size": tensors.shape("token_embd.weight")[0],
        "embedding.num_token_types": tensors.shape("token_types.weight")[0] if "token_types.weight" in tensors else 0,
        "pooler": "cls.weight" in tensors,
    }


def _write_gguf(config: TransformerConfig) -> dict[str, Any]:
    return {"attention.head_count": softmax_of(config).num_heads, "attention.causal": False}


GGUF_BERT = Dialect(
    family="bert",
    constants={**_CONSTANTS, "layer.feed_forward.activation": "gelu", "head": None},
    fields={
        "vocab_size": "vocab_size",
        "context_length": "context_length",
        "d_model": "embedding_length",
        "num_layers": "block_count",
        "layer.feed_forward.d_ff": "feed_forward_length",
        "norm.eps": "attention.layer_norm_epsilon",
    },
    fixed={"attention.causal": False},
    read=_read_gguf,
    write=_write_gguf,
    names={
        "embedding.token": "token_embd",
        "embedding.position": "position_embd",
        "embedding.token_type": "token_types",
        "embedding.norm": "token_embd_norm",
        "blocks.{i}.attention.query": "blk.{i}.attn_q",
        "blocks.{i}.attention.key": "blk.{i}.attn_k",
        "blocks.{i}.attention.value": "blk.{i}.attn_v",
        "blocks.{i}.attention.output": "blk.{i}.attn_output",
        "blocks.{i}.attention_norm": "blk.{i}.attn_output_norm",
        "blocks.{i}.feed_forward.up": "blk.{i}.ffn_up",
        "blocks.{i}.feed_forward.down": "blk.{i}.ffn_down",
        "blocks.{i}.feed_forward_norm": "blk.{i}.layer_output_norm",
        "pooler": "cls",
    },
)
