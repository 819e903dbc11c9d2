"""DistilBERT: BERT without segments and without a pooler, under names of its own."""

from collections.abc import Mapping
from typing import Any

from eigenlm.checkpoint.families import bert
from eigenlm.checkpoint.families.activations import ours, theirs
from eigenlm.checkpoint.families.dialect import Dialect, dense_of, equal_heads, softmax_of
from eigenlm.checkpoint.families.heads import Heads, Task, answers, tags
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import ClassifierHead, TransformerConfig

_HEADS = Heads(
    class_name="DistilBert",
    masked={
        "transform": "vocab_transform",
        "transform_norm": "vocab_layer_norm",
        "weight": "vocab_projector.weight",
        "bias": "vocab_projector.bias",
    },
    tasks={
        "ForSequenceClassification": Task(
            head=ClassifierHead(num_labels=1, reads="first", transform="relu"),
            names={"transform": "pre_classifier", "logits": "classifier"},
        ),
        "ForQuestionAnswering": answers(),
        "ForTokenClassification": tags(),
    },
)
_BLOCK = "distilbert.transformer.layer.{i}"


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"activation": "gelu", "dropout": 0.1, "tie_word_embeddings": True}


def _read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    activation = ours("distilbert", values["activation"])
    return {
        **equal_heads("distilbert", values["n_heads"], values["dim"]),
        "layer.feed_forward.activation": activation,
        **_HEADS.read(values, tensors, {"transform": activation}),
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    return {
        "model_type": "distilbert",
        "n_heads": softmax_of(config).num_heads,
        "activation": theirs(dense_of(config).activation),
        "attention_dropout": 0.0,
        **_HEADS.write(config),
    }


DISTILBERT = Dialect(
    family="distilbert",
    constants={**bert.CONSTANTS, "norm.eps": 1e-12, "embedding.num_token_types": 0, "pooler": False},
    fields={
        "vocab_size": "vocab_size",
        "context_length": "max_position_embeddings",
        "d_model": "dim",
        "num_layers": "n_layers",
        "layer.feed_forward.d_ff": "hidden_dim",
        "dropout": "dropout",
    },
    defaults=_defaults,
    read=_read,
    write=_write,
    names={
        "embedding.token": "distilbert.embeddings.word_embeddings",
        "embedding.position": "distilbert.embeddings.position_embeddings",
        "embedding.norm": "distilbert.embeddings.LayerNorm",
        "blocks.{i}.attention.query": f"{_BLOCK}.attention.q_lin",
        "blocks.{i}.attention.key": f"{_BLOCK}.attention.k_lin",
        "blocks.{i}.attention.value": f"{_BLOCK}.attention.v_lin",
        "blocks.{i}.attention.output": f"{_BLOCK}.attention.out_lin",
        "blocks.{i}.attention_norm": f"{_BLOCK}.sa_layer_norm",
        "blocks.{i}.feed_forward.up": f"{_BLOCK}.ffn.lin1",
        "blocks.{i}.feed_forward.down": f"{_BLOCK}.ffn.lin2",
        "blocks.{i}.feed_forward_norm": f"{_BLOCK}.output_layer_norm",
    },
    names_of=_HEADS.names,
    prefix="distilbert.",
    twins={"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"},
    leftovers=bert.LEFTOVERS,
)
