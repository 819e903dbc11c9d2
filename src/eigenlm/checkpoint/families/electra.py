"""ELECTRA: BERT with narrow token vectors; its generator predicts tokens, its discriminator tells replaced ones."""

from collections.abc import Mapping
from typing import Any

from eigenlm.checkpoint.families import bert
from eigenlm.checkpoint.families.dialect import Dialect, refuse
from eigenlm.checkpoint.families.heads import Heads, Task, answers, tags
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import ClassifierHead, TransformerConfig

_HEADS = Heads(
    class_name="Electra",
    masked={
        "transform": "generator_predictions.dense",
        "transform_norm": "generator_predictions.LayerNorm",
        "weight": "generator_lm_head.weight",
        "bias": "generator_lm_head.bias",
    },
    tasks={
        "ForPreTraining": Task(
            head=ClassifierHead(num_labels=1, labels=("replaced",), transform="gelu"),
            names={
                "transform": "discriminator_predictions.dense",
                "logits": "discriminator_predictions.dense_prediction",
            },
        ),
        "ForSequenceClassification": Task(
            head=ClassifierHead(num_labels=1, reads="first", transform="gelu"),
            names={"transform": "classifier.dense", "logits": "classifier.out_proj"},
        ),
        "ForQuestionAnswering": answers(),
        "ForTokenClassification": tags(),
    },
)


def _read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    encoder = bert.read_encoder("electra", "electra.", values, tensors)
    architecture, activation = values.get("architectures"), encoder["layer.feed_forward.activation"]
    if architecture == ["ElectraForPreTraining"] and activation != "gelu":
        raise refuse("electra", "a discriminator with hidden_act = 'gelu'", repr(values["hidden_act"]))
    width = values.get("embedding_size", 128)
    return {
        **encoder,
        "embedding.width": None if width == values["hidden_size"] else width,
        **_HEADS.read(values, tensors, {"transform": "gelu"}),
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    width = config.embedding.width or config.d_model
    return {**bert.write_encoder("electra", config), "embedding_size": width, **_HEADS.write(config)}


ELECTRA = Dialect(
    family="electra",
    constants={**bert.CONSTANTS, "pooler": False},
    fields=bert.FIELDS,
    defaults=bert.defaults,
    fixed=bert.FIXED,
    read=_read,
    write=_write,
    names={**bert.names_below("electra."), "embedding.project": "electra.embeddings_project"},
    names_of=_HEADS.names,
    prefix="electra.",
    twins={"generator_lm_head.weight": "electra.embeddings.word_embeddings.weight"},
    leftovers=bert.LEFTOVERS,
)
