"""Granite: a Llama with four numbers by which embedding, scores, residual branches and logits are scaled."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.families.dialect import Dialect, dense_of, softmax_of, vocabulary_of
from eigenlm.checkpoint.families.llama import GGUF_LLAMA, gguf_dialect, hugging_face_dialect, read_bias, read_head
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import TransformerConfig


def _read_scale(scale: float, head_dim: int) -> float | None:
    return None if math.isclose(scale, head_dim**-0.5, rel_tol=1e-6) else float(scale)


def _logits_scaling(config: TransformerConfig) -> float:
    """What logits are divided by."""
    head = vocabulary_of(config)
    return 1.0 if head is None else 1.0 / head.scale


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **read_bias(values),
        **read_head(values, scale=1.0 / values.get("logits_scaling", 1.0)),
        "layer.feed_forward.bias": values["mlp_bias"],
        "layer.attention.scale": _read_scale(values.get("attention_multiplier", 1.0), values["head_dim"]),
        "layer.residual_scale": float(values.get("residual_multiplier", 1.0)),
        "embedding.scale": float(values.get("embedding_multiplier", 1.0)),
    }


def _write(config: TransformerConfig) -> dict[str, Any]:
    attention = softmax_of(config)
    return {
        "attention_bias": attention.bias,
        "mlp_bias": dense_of(config).bias,
        "attention_multiplier": attention.scale or attention.head_dim**-0.5,
        "residual_multiplier": config.layers[0].residual_scale,
        "embedding_multiplier": config.embedding.scale,
        "logits_scaling": _logits_scaling(config),
    }


GRANITE = hugging_face_dialect("granite", "Granite", constants={}, read=_read, write=_write)


def _gguf_granite() -> Dialect:
    dialect = gguf_dialect("granite", names=GGUF_LLAMA.names, norms=False, always={})

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        ours, head_dim = dialect.read(values, tensors), values["attention.key_length"]
        return {
            **ours,
            "head": {**ours["head"], "scale": 1.0 / values["logit_scale"]},
            "layer.attention.scale": _read_scale(values.get("attention.scale") or head_dim**-0.5, head_dim),
            "layer.residual_scale": values.get("residual_scale") or 1.0,
            "embedding.scale": values.get("embedding_scale") or 1.0,
        }

    def write(config: TransformerConfig) -> dict[str, Any]:
        attention = softmax_of(config)
        return {
            **dialect.write(config),
            "attention.scale": attention.scale or attention.head_dim**-0.5,
            "residual_scale": config.layers[0].residual_scale,
            "embedding_scale": config.embedding.scale,
            "logit_scale": _logits_scaling(config),
        }

    return replace(dialect, read=read, write=write)


GGUF_GRANITE = _gguf_granite()
