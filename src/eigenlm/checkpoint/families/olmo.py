"""OLMo 2 (arXiv:2501.00656) and OLMo 3: norms after each part alone, and on all heads of queries and of keys.

OLMo 3 adds windows in three of four layers, which are turned without the stretching of the others.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.families.dialect import Dialect, refuse, softmax_of
from eigenlm.checkpoint.families.layer_types import gguf_by_layer_type, with_two_ropes
from eigenlm.checkpoint.families.llama import gguf_dialect, hugging_face_dialect, read_bias
from eigenlm.checkpoint.tensors import TensorSource

_CONSTANTS = {
    "layer.norm_position": "output",
    "layer.attention.query_key_norm": "all",
    "layer.feed_forward.bias": False,
}


def _olmo(family: str, class_name: str) -> Dialect:
    dialect = hugging_face_dialect(
        family,
        class_name,
        constants=_CONSTANTS,
        read=read_bias,
        write=lambda config: {"attention_bias": softmax_of(config).bias},
    )
    names = {
        "blocks.{i}.attention_output_norm": "model.layers.{i}.post_attention_layernorm",
        "blocks.{i}.feed_forward_output_norm": "model.layers.{i}.post_feedforward_layernorm",
    }
    return replace(dialect, names={**dialect.names, **names})


OLMO2 = _olmo("olmo2", "Olmo2")
OLMO3 = with_two_ropes(_olmo("olmo3", "Olmo3"), every=4, base=5e5, local_base=("rope_theta", 5e5))


def _gguf_olmo2() -> Dialect:
    names = {
        "blocks.{i}.attention_output_norm": "blk.{i}.post_attention_norm",
        "blocks.{i}.feed_forward_output_norm": "blk.{i}.post_ffw_norm",
    }
    dialect = gguf_dialect("olmo2", names=names, norms=True)

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        if values["attention.key_length"] * values["attention.head_count"] != values["embedding_length"]:
            raise refuse("olmo2", "heads that share the width of the model", values["attention.key_length"])
        plain = {"layer.attention.bias": False, "layer.attention.output_bias": False, "head": {"tied": False}}
        return {**dialect.read(values, tensors), **plain}

    return replace(dialect, constants={**dialect.constants, **_CONSTANTS}, read=read)


GGUF_OLMO2 = gguf_by_layer_type(
    _gguf_olmo2(), every=4, window=None, local_rotary=lambda values, full: {**full, "frequency_factors": None}
)
