"""ELECTRA: BERT with narrow token vectors; its generator predicts tokens, its discriminator tells replaced ones."""

from typing import Any

from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.heads import Heads, Task, classifier
from eigenlm.checkpoint.dialects.keys import Refusal
from eigenlm.checkpoint.families.bert import kin_of_bert
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
        **classifier(
            ClassifierHead(num_labels=1, reads="first", transform="gelu"),
            transform="classifier.dense",
            logits="classifier.out_proj",
        ),
    },
    transform="gelu",
)


def _read_width(file: FileReading) -> dict[str, Any]:
    is_discriminator = file.values.get("architectures") == ["ElectraForPreTraining"]
    if is_discriminator and file.ours["layer.feed_forward.activation"] != "gelu":
        raise Refusal("a discriminator with hidden_act = 'gelu'", repr(file.values["hidden_act"]))
    width = file.values.get("embedding_size", 128)
    return {"embedding.width": None if width == file.ours["d_model"] else width}


def _write_width(config: TransformerConfig) -> dict[str, Any]:
    return {"embedding_size": config.embedding.width or config.d_model}


ELECTRA = kin_of_bert(
    "electra",
    _HEADS,
    constants={"pooler": False},
    parts={"width": FamilyPart(_read_width, _write_width)},
    names={"embedding.project": "electra.embeddings_project"},
)
HUGGING_FACE = (ELECTRA,)
