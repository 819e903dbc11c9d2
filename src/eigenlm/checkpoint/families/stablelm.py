"""StableLM: Llama with layer norms, a part of each head turned, and the parts of a layer beside each other in some."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.families.dialect import softmax_of
from eigenlm.checkpoint.families.llama import gguf_dialect, hugging_face_dialect
from eigenlm.checkpoint.families.phi import heads_of_the_stream
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig

_CONSTANTS = {"norm.kind": "layer", "layer.attention.output_bias": False, "layer.feed_forward.bias": False}


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **heads_of_the_stream("stablelm", values),
        "layer.parallel": "one_norm" if values.get("use_parallel_residual") else None,
        "layer.attention.bias": values.get("use_qkv_bias") or False,
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    return {
        "use_qkv_bias": softmax_of(config).bias,
        "use_parallel_residual": config.layers[0].parallel is not None,
    }


_BASE = hugging_face_dialect("stablelm", "StableLm", constants=_CONSTANTS, read=_read, write=_write, turned=0.25)
STABLELM = replace(
    _BASE,
    fields={**_BASE.fields, "norm.eps": "layer_norm_eps", "dropout": "hidden_dropout"},
    fixed={**_BASE.fixed, "qk_layernorm": False},
    defaults=lambda values: {**_BASE.defaults(values), "hidden_dropout": 0.0},
)
_GGUF = gguf_dialect("stablelm", names={}, norms=False, whole_heads=False, shared_width=True)


def _read_gguf(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    """Whether the parts are beside each other is said by the norm that is not there."""
    return {
        **_GGUF.read(values, tensors),
        "head": {"tied": False},  # llama.cpp requires it
        "layer.parallel": None if "blk.0.ffn_norm.weight" in tensors else "one_norm",
    }


GGUF_STABLELM = replace(
    _GGUF,
    constants={**_GGUF.constants, **_CONSTANTS},
    fields={**_GGUF.fields, "norm.eps": "attention.layer_norm_epsilon"},
    read=_read_gguf,
    write=lambda config: {**_GGUF.write(config), "use_parallel_residual": config.layers[0].parallel is not None},
)
