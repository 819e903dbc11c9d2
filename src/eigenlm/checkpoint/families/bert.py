"""BERT and MiniLM: an encoder with learned positions, segments and norms after each part."""

from typing import Any

from eigenlm.checkpoint.dialects.dialect import Dialect, FamilyPart, FileReading
from eigenlm.checkpoint.dialects.gguf import GGUF_BASE
from eigenlm.checkpoint.dialects.heads import Heads, classifier
from eigenlm.checkpoint.dialects.keys import SIZES, activation, biases
from eigenlm.checkpoint.dialects.names import Location, below
from eigenlm.model import ClassifierHead

CONSTANTS = {
    "kind": "encoder",
    "norm.kind": "layer",
    "layer.norm_position": "post",
    "final_norm": False,
    "positions.kind": "learned",
    "embedding.norm": True,
    **biases(True, True, True),
}
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


def kin_of_bert(family: str, heads: Heads, **own: Any) -> Dialect:
    """A family of encoders.

    Args:
        family: `model_type` in config.json, which begins all names, too, unless `prefix` says otherwise.
        heads: of the family.
        own: how the family differs from BERT, see `Dialect.but`.
    """
    prefix = own.pop("prefix", f"{family}.")
    poolers = (f"{prefix}pooler.dense.weight", "pooler.dense.weight")
    dialect = Dialect(
        family=family,
        constants=CONSTANTS,
        fields={
            **SIZES,
            "layer.feed_forward.activation": activation("hidden_act"),
            "norm.eps": "layer_norm_eps",
            "embedding.num_token_types": "type_vocab_size",
            "dropout": "hidden_dropout_prob",
        },
        fixed={"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False},
        defaults={"hidden_act": "gelu", "hidden_dropout_prob": 0.1, "tie_word_embeddings": True},
        written={"attention_probs_dropout_prob": 0.0},
        parts={
            "pooler": FamilyPart(read=lambda file: {"pooler": any(name in file.tensors for name in poolers)}),
            "head": heads.part,
        },
        names=below("", prefix, _NAMES),
        prefix=prefix,
        twins={str(heads.masked["weight"]): f"{prefix}embeddings.word_embeddings.weight"},
        leftovers=r"(\w+\.)?embeddings\.position_ids|cls\.seq_relationship\..*",
    )
    return dialect.but(family, **own)


_HEADS = Heads(
    class_name="Bert",
    masked={
        "transform": "cls.predictions.transform.dense",
        "transform_norm": "cls.predictions.transform.LayerNorm",
        "weight": "cls.predictions.decoder.weight",
        # transformers adds decoder.bias; it is the same tensor as cls.predictions.bias unless the head is untied.
        "bias": Location("cls.predictions.decoder.bias", also="cls.predictions.bias"),
    },
    tasks=classifier(ClassifierHead(num_labels=1, reads="pooled"), logits="classifier"),
)
BERT = kin_of_bert("bert", _HEADS)


def _segments(file: FileReading) -> dict[str, Any]:
    types = file.tensors.shape("token_types.weight")[0] if "token_types.weight" in file.tensors else 0
    return {"embedding.num_token_types": types, "pooler": "cls.weight" in file.tensors}


GGUF_BERT = GGUF_BASE.but(
    "bert",
    constants={**CONSTANTS, "layer.feed_forward.activation": "gelu", "head": None},
    fixed={"attention.causal": False},
    parts={"segments": FamilyPart(_segments)},
    names={
        "embedding.token_type": "token_types",
        "embedding.norm": "token_embd_norm",
        "blocks.{i}.attention_norm": "blk.{i}.attn_output_norm",
        "blocks.{i}.feed_forward_norm": "blk.{i}.layer_output_norm",
        "pooler": "cls",
        **dict.fromkeys(("norm", "head"), ...),
    },
)
HUGGING_FACE = (BERT,)
GGUF = (GGUF_BERT,)
