"""MPNet: RoBERTa without segments, and with a number for each distance added to the scores of all layers."""

from collections.abc import Mapping
from typing import Any

from eigenlm.attention import RelativeBiasConfig
from eigenlm.checkpoint.families import bert, roberta
from eigenlm.checkpoint.families.dialect import Dialect
from eigenlm.checkpoint.families.heads import Heads
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.config import to_dict
from eigenlm.model import TransformerConfig

_HEADS = Heads(class_name="MPNet", masked=roberta.MASKED, tasks=roberta.TASKS)
_BUCKETS = RelativeBiasConfig(num_buckets=32, max_distance=128, bidirectional=True)
_OWN_NAMES = {
    "blocks.{i}.attention.query": "mpnet.encoder.layer.{i}.attention.attn.q",
    "blocks.{i}.attention.key": "mpnet.encoder.layer.{i}.attention.attn.k",
    "blocks.{i}.attention.value": "mpnet.encoder.layer.{i}.attention.attn.v",
    "blocks.{i}.attention.output": "mpnet.encoder.layer.{i}.attention.attn.o",
    "blocks.{i}.attention_norm": "mpnet.encoder.layer.{i}.attention.LayerNorm",
    "blocks.{i}.attention.softmax.relative_bias": "mpnet.encoder.relative_attention_bias",
}


def _read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    return {
        **bert.read_encoder("mpnet", "mpnet.", values, tensors),
        **roberta.read_offset("mpnet", values),
        **_HEADS.read(values, tensors, {"transform": "gelu"}),
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    return {**bert.write_encoder("mpnet", config), **roberta.write_offset(config), **_HEADS.write(config)}


MPNET = Dialect(
    family="mpnet",
    constants={
        **bert.CONSTANTS,
        "embedding.num_token_types": 0,
        "layer.attention.relative_bias": to_dict(_BUCKETS),
    },
    fields={ours: theirs for ours, theirs in bert.FIELDS.items() if ours != "embedding.num_token_types"},
    # transformers numbers padding 1 and counts in 32 buckets whatever a config says.
    fixed={"pad_token_id": 1, "relative_attention_num_buckets": _BUCKETS.num_buckets},
    defaults=bert.defaults,
    read=_read,
    write=_write,
    names={**bert.names_below("mpnet."), **_OWN_NAMES},
    names_of=_HEADS.names,
    prefix="mpnet.",
    twins={"lm_head.decoder.weight": "mpnet.embeddings.word_embeddings.weight"},
    leftovers=bert.LEFTOVERS,
)
