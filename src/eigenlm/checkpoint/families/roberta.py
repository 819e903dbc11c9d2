"""RoBERTa, XLM-RoBERTa and CamemBERT: BERT whose table of positions begins with rows for padding."""

from typing import Any

from eigenlm.checkpoint.dialects.dialect import Dialect, FamilyPart, FileReading
from eigenlm.checkpoint.dialects.heads import Heads, classifier
from eigenlm.checkpoint.dialects.keys import Refusal
from eigenlm.checkpoint.dialects.names import Location
from eigenlm.checkpoint.families.bert import kin_of_bert
from eigenlm.model import ClassifierHead, TransformerConfig


def _read_offset(file: FileReading) -> dict[str, Any]:
    """Positions are counted from the number of the padding token on."""
    padding, rows = file.values.get("pad_token_id", 1), file.values["max_position_embeddings"]
    if not isinstance(padding, int) or not 0 <= padding < rows - 1:
        raise Refusal(f"a pad_token_id below {rows - 1}", padding)
    return {"positions.offset": padding + 1, "context_length": rows - padding - 1}


def _write_offset(config: TransformerConfig) -> dict[str, Any]:
    offset = config.positions.offset
    return {"max_position_embeddings": config.context_length + offset, "pad_token_id": offset - 1}


def kin_of_roberta(family: str, class_name: str, **own: Any) -> Dialect:
    """A family with these positions and heads."""
    heads = Heads(
        class_name=class_name,
        masked={
            "transform": "lm_head.dense",
            "transform_norm": "lm_head.layer_norm",
            "weight": "lm_head.decoder.weight",
            "bias": Location("lm_head.decoder.bias", also="lm_head.bias"),
        },
        tasks=classifier(
            ClassifierHead(num_labels=1, reads="first", transform="tanh"),
            transform="classifier.dense",
            logits="classifier.out_proj",
        ),
        transform="gelu",
    )
    return kin_of_bert(family, heads, **own).but(family, parts={"positions": FamilyPart(_read_offset, _write_offset)})


ROBERTA = kin_of_roberta("roberta", "Roberta")
XLM_ROBERTA = kin_of_roberta("xlm-roberta", "XLMRoberta", prefix="roberta.")
CAMEMBERT = kin_of_roberta("camembert", "Camembert", prefix="roberta.")
HUGGING_FACE = (CAMEMBERT, ROBERTA, XLM_ROBERTA)
