"""BERT and MiniLM: an encoder with learned positions, segments and norms after each part."""

from collections.abc import Mapping
from typing import Any

from eigenlm.checkpoint.families.activations import ours, theirs
from eigenlm.checkpoint.families.dialect import Dialect, Location, dense_of, equal_heads, softmax_of
from eigenlm.checkpoint.families.heads import Heads, Task, answers, tags
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import ClassifierHead, TransformerConfig

CONSTANTS = {
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
FIELDS = {
    "vocab_size": "vocab_size",
    "context_length": "max_position_embeddings",
    "d_model": "hidden_size",
    "num_layers": "num_hidden_layers",
    "layer.feed_forward.d_ff": "intermediate_size",
    "norm.eps": "layer_norm_eps",
    "embedding.num_token_types": "type_vocab_size",
    "dropout": "hidden_dropout_prob",
}
FIXED = {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}
LEFTOVERS = r"(\w+\.)?embeddings\.position_ids|cls\.seq_relationship\..*"
_NAMES = {
    "embedding.token": "embeddings.word_embeddings",
    "embedding.position": "embeddings.position_embeddings",
    "embedding.token_type": "embeddings.token_type_embeddings",
    "embedding.norm": "embeddings.LayerNorm",
    "blocks.{i}.attention.query": "encoder.layer.{i}.attention.self.query",
    "blocks.{i}.attention.key": "encoder.layer.{i}.attention.self.key",
    "blocks.{i}.attention.value": "encoder.layer.{i}.attention.self.value",
    "blocks.{i}.attention.output": "encoder.layer.{i}.attention.output.dense",
    "blocks.{i}.attention_norm": "encoder.layer.{i}.attention.output.LayerNorm",
    "blocks.{i}.feed_forward.up": "encoder.layer.{i}.intermediate.dense",
    "blocks.{i}.feed_forward.down": "encoder.layer.{i}.output.dense",
    "blocks.{i}.feed_forward_norm": "encoder.layer.{i}.output.LayerNorm",
    "pooler": "pooler.dense",
}


def names_below(prefix: str) -> dict[str, str]:
    """BERT's names, which its kin have below another prefix."""
    return {name: f"{prefix}{theirs}" for name, theirs in _NAMES.items()}


def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """What absent values mean."""
    return {"hidden_act": "gelu", "hidden_dropout_prob": 0.1, "tie_word_embeddings": True}


def read_encoder(family: str, prefix: str, values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    """Our fields that BERT and its kin say alike."""
    return {
        **equal_heads(family, values["num_attention_heads"], values["hidden_size"]),
        "layer.feed_forward.activation": ours(family, values["hidden_act"]),
        "pooler": any(f"{before}pooler.dense.weight" in tensors for before in (prefix, "")),
    }


def write_encoder(family: str, config: TransformerConfig) -> dict[str, Any]:
    """The values that BERT and its kin say alike."""
    return {
        "model_type": family,
        "num_attention_heads": softmax_of(config).num_heads,
        "hidden_act": theirs(dense_of(config).activation),
        "attention_probs_dropout_prob": 0.0,
    }


_HEADS = Heads(
    class_name="Bert",
    masked={
        "transform": "cls.predictions.transform.dense",
        "transform_norm": "cls.predictions.transform.LayerNorm",
        "weight": "cls.predictions.decoder.weight",
        # transformers adds decoder.bias; it is the same tensor as cls.predictions.bias unless the head is untied.
        "bias": Location("cls.predictions.decoder.bias", also="cls.predictions.bias"),
    },
    tasks={
        "ForSequenceClassification": Task(
            head=ClassifierHead(num_labels=1, reads="pooled"), names={"logits": "classifier"}
        ),
        "ForQuestionAnswering": answers(),
        "ForTokenClassification": tags(),
    },
)


def _read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    encoder = read_encoder("bert", "bert.", values, tensors)
    return {**encoder, **_HEADS.read(values, tensors, {"transform": encoder["layer.feed_forward.activation"]})}


BERT = Dialect(
    family="bert",
    constants=CONSTANTS,
    fields=FIELDS,
    defaults=defaults,
    fixed=FIXED,
    read=_read,
    write=lambda config: {**write_encoder("bert", config), **_HEADS.write(config)},
    names=names_below("bert."),
    names_of=_HEADS.names,
    prefix="bert.",
    twins={"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight"},
    leftovers=LEFTOVERS,
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
    constants={**CONSTANTS, "layer.feed_forward.activation": "gelu", "head": None},
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
