"""Rotary positions as Hugging Face configs and GGUF files spell them: a base, and one divisor for each frequency."""

import math
from collections.abc import Mapping
from typing import Any

from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, ConfigError, explain
from eigenlm.model import TransformerConfig

FACTORS = "positions.frequency_factors"
ROPE_TENSOR = "rope_freqs.weight"
_KINDS = "default, linear, llama3, or longrope with one list of factors"


def read_hugging_face_rope(values: Mapping[str, Any], head_dim: int) -> dict[str, Any]:
    """Our position fields from `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (4).

    Raises:
        CheckpointError: a scaling that is not a division of each frequency.
    """
    scaling = values.get("rope_scaling") or values.get("rope_parameters") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    base = float(scaling.get("rope_theta") or values.get("rope_theta") or 10000.0)
    if any(isinstance(value, Mapping) for value in scaling.values()):
        raise CheckpointError(
            explain("rotary positions", expected="one base for all layers", got="one a kind of layer")
        )
    partial = scaling.get("partial_rotary_factor") or values.get("partial_rotary_factor") or 1.0
    if partial != 1.0:
        raise CheckpointError(explain("rotary positions", expected="all of a head turned", got=f"a share of {partial}"))
    try:
        factors = _factors(kind, scaling, base, head_dim)
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            explain(f"rotary scaling {kind!r}", expected="all its numbers", got=repr(error))
        ) from error
    return _checked(base, factors)


def write_hugging_face_rope(config: TransformerConfig) -> dict[str, Any]:
    """`rope_parameters` for transformers 5 and `rope_theta` with `rope_scaling` for 4, saying the same.

    Factors are written as `linear` where they are all one number, else as `longrope` with the same list for short and
    long texts and no change of the logits' scale.
    """
    positions = config.positions
    factors, base = positions.frequency_factors, positions.base
    if factors is None:
        default = {"rope_type": "default", "rope_theta": base}
        return {"rope_theta": base, "rope_scaling": None, "rope_parameters": default}
    if len(set(factors)) == 1:
        scaling = {"rope_type": "linear", "factor": factors[0]}
    else:
        scaling = {
            "rope_type": "longrope",
            "short_factor": list(factors),
            "long_factor": list(factors),
            "factor": 1.0,
            "attention_factor": 1.0,
            "original_max_position_embeddings": config.context_length,
        }
    return {"rope_theta": base, "rope_scaling": scaling, "rope_parameters": scaling | {"rope_theta": base}}


def read_gguf_rope(values: Mapping[str, Any], tensors: TensorSource, head_dim: int) -> dict[str, Any]:
    """Our position fields from GGUF's `rope.*` keys (without the architecture) and its table of factors.

    Raises:
        CheckpointError: a scaling that is not a division of each frequency.
    """
    if values.get("rope.dimension_count", head_dim) != head_dim:
        got = f"{values['rope.dimension_count']} of {head_dim}"
        raise CheckpointError(explain("rotary positions", expected="all of a head turned", got=got))
    kind = values.get("rope.scaling.type", "linear" if "rope.scale_linear" in values else "none")
    if kind not in ("none", "linear"):
        raise CheckpointError(explain("rotary scaling", expected="none or linear", got=repr(kind)))
    factor = values.get("rope.scaling.factor", values.get("rope.scale_linear", 1.0)) if kind == "linear" else 1.0
    base = float(values.get("rope.freq_base", 10000.0))
    if ROPE_TENSOR in tensors:
        factors = [float(one) * factor for one in tensors[ROPE_TENSOR].flatten()]
    else:
        factors = [factor] * (head_dim // 2)
    return _checked(base, None if set(factors) == {1.0} else factors)


def write_gguf_rope(config: TransformerConfig, *, has_table: bool) -> dict[str, Any]:
    """GGUF's `rope.*` keys; factors that differ go into the tensor `rope_freqs.weight` instead.

    Raises:
        ConfigError: factors that differ, for an architecture without that tensor (`has_table`).
    """
    values = {"rope.dimension_count": config.attention.head_dim, "rope.freq_base": config.positions.base}
    factors = config.positions.frequency_factors
    if factors is None:
        return values
    if len(set(factors)) == 1:
        return values | {"rope.scaling.type": "linear", "rope.scaling.factor": factors[0]}
    if not has_table:
        raise ConfigError(explain("writing GGUF", expected="one rotary factor for all frequencies", got="several"))
    return values


def _checked(base: float, factors: list[float] | None) -> dict[str, Any]:
    for number in (base, *(factors or ())):
        if not 0.0 < number < math.inf:
            raise CheckpointError(explain("rotary positions", expected="a base and factors above 0", got=number))
    return {"positions.base": base, FACTORS: factors}


def _factors(kind: str, scaling: Mapping[str, Any], base: float, head_dim: int) -> list[float] | None:
    if kind == "default":
        return None
    if kind == "linear":
        return [float(scaling["factor"])] * (head_dim // 2)
    if kind == "llama3":
        return _llama3_factors(scaling, base, head_dim)
    if (
        kind == "longrope"
        and scaling["short_factor"] == scaling["long_factor"]
        and scaling.get("attention_factor") == 1
    ):
        return [float(factor) for factor in scaling["long_factor"]]
    raise CheckpointError(explain("rotary scaling", expected=_KINDS, got=repr(kind)))


def _llama3_factors(scaling: Mapping[str, Any], base: float, head_dim: int) -> list[float]:
    """1 for wavelengths below L / high, `factor` above L / low, and in between a blend that is linear in frequency.

    Source: Llama 3.1, as `transformers.modeling_rope_utils._compute_llama3_parameters` computes it.
    """
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    length, factor = scaling["original_max_position_embeddings"], scaling["factor"]
    factors = []
    for i in range(head_dim // 2):
        turns = length * base ** (-2 * i / head_dim) / (2 * math.pi)
        blend = min(max((turns - low) / (high - low), 0.0), 1.0)
        factors.append(1.0 / ((1.0 - blend) / factor + blend))
    return factors
