"""RoBERTa, XLM-RoBERTa and CamemBERT: BERT whose table of positions begins with rows for padding."""

from collections.abc import Mapping
from typing import Any

from eigenlm.checkpoint.families import bert
from eigenlm.checkpoint.families.dialect import Dialect, Location, refuse
from eigenlm.checkpoint.families.heads import Heads, Task, answers, tags
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import ClassifierHead, TransformerConfig

MASKED: dict[str, str | Location] = {
    "transform": "lm_head.dense",
    "transform_norm": "lm_head.layer_norm",
    "weight": "lm_head.decoder.weight",
    "bias": Location("lm_head.decoder.bias", also="lm_head.bias"),
}
TASKS = {
    "ForSequenceClassification": Task(
        head=ClassifierHead(num_labels=1, reads="first", transform="tanh"),
        names={"transform": "classifier.dense", "logits": "classifier.out_proj"},
    ),
    "ForQuestionAnswering": answers(),
    "ForTokenClassification": tags(),
}


def read_offset(family: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Our fields for positions that are counted from the number of the padding token on."""
    padding, rows = values.get("pad_token_id", 1), values["max_position_embeddings"]
    if not isinstance(padding, int) or not 0 <= padding < rows - 1:
        raise refuse(family, f"a pad_token_id below {rows - 1}", padding)
    return {"positions.offset": padding + 1, "context_length": rows - padding - 1}


def write_offset(config: TransformerConfig) -> dict[str, Any]:
    """The values for positions that are counted from the number of the padding token on."""
    offset = config.positions.offset
    return {"max_position_embeddings": config.context_length + offset, "pad_token_id": offset - 1}


def roberta_dialect(family: str, class_name: str) -> Dialect:
    """One of the families; they differ in their tokenizers."""
    heads = Heads(class_name=class_name, masked=MASKED, tasks=TASKS)

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        encoder = bert.read_encoder(family, "roberta.", values, tensors)
        return {**encoder, **read_offset(family, values), **heads.read(values, tensors, {"transform": "gelu"})}

    def write(config: TransformerConfig) -> dict[str, Any]:
        return {**bert.write_encoder(family, config), **write_offset(config), **heads.write(config)}

    return Dialect(
        family=family,
        constants=bert.CONSTANTS,
        fields=bert.FIELDS,
        defaults=bert.defaults,
        fixed=bert.FIXED,
        read=read,
        write=write,
        names=bert.names_below("roberta."),
        names_of=heads.names,
        prefix="roberta.",
        twins={"lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight"},
        leftovers=bert.LEFTOVERS,
    )


ROBERTA = roberta_dialect("roberta", "Roberta")
XLM_ROBERTA = roberta_dialect("xlm-roberta", "XLMRoberta")
CAMEMBERT = roberta_dialect("camembert", "Camembert")
