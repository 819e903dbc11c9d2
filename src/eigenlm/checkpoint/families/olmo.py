"""OLMo 2 (arXiv:2501.00656) and OLMo 3: norms after each part alone, and on all heads of queries and of keys.

OLMo 3 adds windows in three of four layers, which are turned without the stretching of the others.
"""

from dataclasses import replace

from eigenlm.checkpoint.families.dialect import Dialect, softmax_of
from eigenlm.checkpoint.families.layer_types import gguf_by_layer_type, with_two_ropes
from eigenlm.checkpoint.families.llama import UNBIASED, gguf_dialect, hugging_face_dialect, read_bias

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
    always = {**UNBIASED, "layer.attention.bias": False, "head": {"tied": False}}
    dialect = gguf_dialect("olmo2", names=names, norms=True, always=always, shared_width=True)
    return replace(dialect, constants={**dialect.constants, **_CONSTANTS})


GGUF_OLMO2 = gguf_by_layer_type(
    _gguf_olmo2(), every=4, window=None, local_rotary=lambda values, full: {**full, "frequency_factors": None}
)
