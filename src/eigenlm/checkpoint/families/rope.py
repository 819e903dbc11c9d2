"""Rotary positions as Hugging Face configs and GGUF files spell them: a base, and one divisor for each frequency."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from eigenlm.attention import RotaryConfig, SoftmaxConfig
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, ConfigError, explain
from eigenlm.model import LayerConfig, TransformerConfig

ROTARY = "layer.attention.rotary"
FACTORS = f"{ROTARY}.frequency_factors"
LONG_FACTORS = f"{ROTARY}.long_factors"
ROPE_TENSOR = "rope_freqs.weight"
SHORT_ROPE_TENSOR, LONG_ROPE_TENSOR = "rope_factors_short.weight", "rope_factors_long.weight"
_KINDS = "default, linear, dynamic, llama3, yarn or longrope"


def rotary_of(config: TransformerConfig | LayerConfig) -> RotaryConfig:
    """How queries and keys are turned, in a layer or in the first layer of a model that turns them.

    Raises:
        ConfigError: they are not turned.
    """
    for layer in (config,) if isinstance(config, LayerConfig) else config.layers:
        if isinstance(layer.attention, SoftmaxConfig) and layer.attention.rotary is not None:
            return layer.attention.rotary
    raise ConfigError(explain("writing rotary positions", expected="a model that has them", got="another"))


def read_hugging_face_rope(values: Mapping[str, Any], head_dim: int, *, partial: bool = False) -> dict[str, Any]:
    """Our fields from `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (4), for all layers.

    Args:
        values: of config.json.
        head_dim: K.
        partial: whether models of the family may turn a part of each head alone.

    Raises:
        CheckpointError: a scaling that is not known.
    """
    scaling = values.get("rope_scaling") or values.get("rope_parameters") or {}
    share = scaling.get("partial_rotary_factor") or values.get("partial_rotary_factor") or 1.0
    if share != 1.0 and not partial:
        raise CheckpointError(explain("rotary positions", expected="all of a head turned", got=f"a share of {share}"))
    if any(isinstance(value, Mapping) for value in scaling.values()):
        raise CheckpointError(
            explain("rotary positions", expected="one base for all layers", got="one a kind of layer")
        )
    return {ROTARY: read_rope(scaling, values, head_dim), "positions.kind": "none"}


def read_rope(scaling: Mapping[str, Any], values: Mapping[str, Any], head_dim: int) -> dict[str, Any]:
    """Fields of a `RotaryConfig` from one dictionary of rope parameters, and the values of the whole config.

    Raises:
        CheckpointError: a scaling that is not known.
    """
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    base = float(scaling.get("rope_theta") or values.get("rope_theta") or 10000.0)
    share = scaling.get("partial_rotary_factor") or values.get("partial_rotary_factor") or 1.0
    width = int(head_dim * share)
    if not 0.0 < base < math.inf or not 0 < width <= head_dim:
        got = f"a base of {base} and a share of {share}"
        raise CheckpointError(explain("rotary positions", expected="a base above 0 and a share in (0, 1]", got=got))
    try:
        fields = _scaled(kind, scaling, values, base, width)
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            explain(f"rotary scaling {kind!r}", expected="all its numbers", got=repr(error))
        ) from error
    _check_factors(fields.get("frequency_factors"))
    _check_factors(fields.get("long_factors"))
    return {"base": base, "width": None if width == head_dim else width, "frequency_factors": None, **fields}


def write_hugging_face_rope(config: TransformerConfig, head_dim: int, *, partial: bool = False) -> dict[str, Any]:
    """`rope_parameters` for transformers 5 and `rope_theta` with `rope_scaling` for 4, saying the same.

    Args:
        config: the model.
        head_dim: K.
        partial: whether models of the family may turn a part of each head alone; then the share is always said.
    """
    rotary = rotary_of(config)
    scaling = write_rope(rotary, head_dim, config.context_length)
    plain = {key: value for key, value in scaling.items() if key not in ("rope_theta", "partial_rotary_factor")}
    old = None if scaling["rope_type"] == "default" else plain
    share = {"partial_rotary_factor": (rotary.width or head_dim) / head_dim} if partial else {}
    return {"rope_theta": rotary.base, "rope_scaling": old, "rope_parameters": {**scaling, **share}, **share}


def write_rope(rotary: RotaryConfig, head_dim: int, context_length: int) -> dict[str, Any]:
    """One dictionary of rope parameters.

    Factors are written as `linear` where they are all one number, else as `longrope`; without factors for long texts,
    the list for short and long ones is the same.
    """
    common = {"rope_theta": rotary.base}
    if rotary.width is not None:
        common["partial_rotary_factor"] = rotary.width / head_dim
    factors = rotary.frequency_factors
    if factors is None and rotary.long_factors is None and rotary.scale == 1.0:
        return {"rope_type": "default", **common}
    if rotary.long_factors is None and rotary.scale == 1.0 and factors is not None and len(set(factors)) == 1:
        return {"rope_type": "linear", "factor": factors[0], **common}
    short = list(factors or [1.0] * ((rotary.width or head_dim) // 2))
    return {
        "rope_type": "longrope",
        "short_factor": short,
        "long_factor": list(rotary.long_factors or short),
        "factor": 1.0,
        "attention_factor": rotary.scale,
        "original_max_position_embeddings": rotary.original_length or context_length,
        **common,
    }


def read_gguf_rope(
    values: Mapping[str, Any], tensors: TensorSource, head_dim: int, *, truncate: bool = True
) -> dict[str, Any]:
    """Our fields from GGUF's `rope.*` keys (without the architecture) and its table of factors.

    Args:
        values: of the file.
        tensors: of the file.
        head_dim: K.
        truncate: whether the bounds of YaRN are rounded to whole frequencies.

    Raises:
        CheckpointError: a scaling that is not a division of each frequency.
    """
    width = values.get("rope.dimension_count", head_dim)
    if not isinstance(width, int) or not 0 < width <= head_dim:
        raise CheckpointError(explain("rotary positions", expected=f"at most {head_dim} numbers turned", got=width))
    kind = values.get("rope.scaling.type", "linear" if "rope.scale_linear" in values else "none")
    if kind not in ("none", "linear", "longrope", "yarn"):
        raise CheckpointError(explain("rotary scaling", expected="none, linear, longrope or yarn", got=repr(kind)))
    if kind == "yarn":
        return {ROTARY: _read_gguf_yarn(values, width, head_dim, truncate), "positions.kind": "none"}
    factor = values.get("rope.scaling.factor", values.get("rope.scale_linear", 1.0)) if kind == "linear" else 1.0
    base = float(values.get("rope.freq_base", 10000.0))
    if ROPE_TENSOR in tensors:
        factors = [float(one) * factor for one in tensors[ROPE_TENSOR].flatten()]
    else:
        factors = [factor] * (width // 2)
    _check_factors([base, *factors])
    rotary = {
        "base": base,
        "width": None if width == head_dim else width,
        "frequency_factors": None if set(factors) == {1.0} else factors,
        **_read_gguf_longrope(values, tensors),
    }
    return {ROTARY: rotary, "positions.kind": "none"}


def _read_gguf_yarn(values: Mapping[str, Any], width: int, head_dim: int, truncate: bool) -> dict[str, Any]:
    if values.get("rope.scaling.attn_factor", 1.0) != 1.0:
        got = values["rope.scaling.attn_factor"]
        raise CheckpointError(explain("rotary scaling", expected="rope.scaling.attn_factor = 1.0", got=got))
    scaling = {
        "rope_type": "yarn",
        "rope_theta": values.get("rope.freq_base"),
        "partial_rotary_factor": width / head_dim,
        "factor": values["rope.scaling.factor"],
        "original_max_position_embeddings": values["rope.scaling.original_context_length"],
        "beta_fast": values.get("rope.scaling.yarn_beta_fast"),
        "beta_slow": values.get("rope.scaling.yarn_beta_slow"),
        "truncate": truncate,
    }
    return read_rope(scaling, {}, head_dim)


def _read_gguf_longrope(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    if LONG_ROPE_TENSOR not in tensors:
        return {}
    short, long = (tensors[name].flatten().tolist() for name in (SHORT_ROPE_TENSOR, LONG_ROPE_TENSOR))
    _check_factors([*short, *long])
    return {
        "frequency_factors": short,
        "long_factors": long,
        "original_length": values["rope.scaling.original_context_length"],
        "scale": float(values.get("rope.scaling.attn_factor", 1.0)),
    }


def gguf_rope_tables(config: TransformerConfig, names: Collection[str]) -> dict[str, tuple[float, ...]]:
    """Factors that an architecture keeps in tensors of their own, by our names of them.

    Args:
        config: the model.
        names: of ours, for which the architecture has tensors.
    """
    if FACTORS not in names:
        return {}
    rotary = rotary_of(config)
    short, long = rotary.frequency_factors, rotary.long_factors
    if LONG_FACTORS in names:
        return {} if long is None else {FACTORS: short or (1.0,) * len(long), LONG_FACTORS: long}
    return {} if short is None or len(set(short)) == 1 else {FACTORS: short}


def write_gguf_rope(config: TransformerConfig, head_dim: int, names: Collection[str]) -> dict[str, Any]:
    """GGUF's `rope.*` keys; factors that differ go into `gguf_rope_tables` instead.

    Raises:
        ConfigError: factors that differ, for an architecture without a tensor of that name.
    """
    rotary = rotary_of(config)
    values = {"rope.dimension_count": rotary.width or head_dim, "rope.freq_base": rotary.base}
    factors, tables = rotary.frequency_factors, gguf_rope_tables(config, names)
    if LONG_FACTORS in tables:
        return values | {
            "rope.scaling.type": "longrope",
            "rope.scaling.original_context_length": rotary.original_length,
            "rope.scaling.attn_factor": rotary.scale,
        }
    if factors is None:
        return values
    if len(set(factors)) == 1:
        return values | {"rope.scaling.type": "linear", "rope.scaling.factor": factors[0]}
    if not tables:
        raise ConfigError(explain("writing GGUF", expected="one rotary factor for all frequencies", got="several"))
    return values


def _check_factors(factors: list[float] | None) -> None:
    for number in factors or ():
        if not 0.0 < number < math.inf:
            raise CheckpointError(explain("rotary positions", expected="a base and factors above 0", got=number))


def _scaled(
    kind: str, scaling: Mapping[str, Any], values: Mapping[str, Any], base: float, width: int
) -> dict[str, Any]:
    """The fields that a kind of scaling sets."""
    if kind in ("default", "dynamic"):  # dynamic stretches texts beyond the context, which are refused here
        return {}
    if kind == "linear":
        return {"frequency_factors": [float(scaling["factor"])] * (width // 2)}
    if kind == "llama3":
        return {"frequency_factors": _llama3_factors(scaling, base, width)}
    if kind == "yarn":
        return _yarn(scaling, values, base, width)
    if kind == "longrope":
        return _longrope(scaling, values)
    raise CheckpointError(explain("rotary scaling", expected=_KINDS, got=repr(kind)))


def _original_length(scaling: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """The context of the model before it was stretched."""
    found = scaling.get("original_max_position_embeddings") or values.get("original_max_position_embeddings")
    return int(found or values["max_position_embeddings"])


def _yarn(scaling: Mapping[str, Any], values: Mapping[str, Any], base: float, width: int) -> dict[str, Any]:
    """1 for fast frequencies, `factor` for slow ones, and a blend of both between; turned numbers are scaled.

    Source: arXiv:2309.00071, sections 3.2 and 3.4, with the bounds that transformers rounds to whole frequencies.
    """
    length = _original_length(scaling, values)
    factor = float(scaling.get("factor") or values["max_position_embeddings"] / length)

    def frequency_that_turns(times: float) -> float:
        return width * math.log(length / (times * 2 * math.pi)) / (2 * math.log(base))

    low = frequency_that_turns(float(scaling.get("beta_fast") or 32))
    high = frequency_that_turns(float(scaling.get("beta_slow") or 1))
    if scaling.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, width - 1)
    ramps = (min(max((i - low) / ((high - low) or 0.001), 0.0), 1.0) for i in range(width // 2))
    return {
        "frequency_factors": [1.0 / (ramp / factor + 1.0 - ramp) for ramp in ramps],
        "scale": _yarn_scale(scaling, factor),
    }


def _yarn_scale(scaling: Mapping[str, Any], factor: float) -> float:
    def grown(weight: float) -> float:
        return 1.0 if factor <= 1.0 else 0.1 * weight * math.log(factor) + 1.0

    if scaling.get("attention_factor") is not None:
        return float(scaling["attention_factor"])
    if scaling.get("mscale") and scaling.get("mscale_all_dim"):
        return grown(scaling["mscale"]) / grown(scaling["mscale_all_dim"])
    return grown(1.0)


def _longrope(scaling: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """One list of factors for texts up to the original context, another for longer ones; source: arXiv:2402.13753."""
    short, long = ([float(x) for x in scaling[name]] for name in ("short_factor", "long_factor"))
    length = _original_length(scaling, values)
    factor = scaling.get("factor") or values["max_position_embeddings"] / length
    scale = scaling.get("attention_factor")
    if scale is None:
        scale = 1.0 if factor <= 1.0 else math.sqrt(1 + math.log(factor) / math.log(length))
    if short == long:
        return {"frequency_factors": short, "scale": float(scale)}
    return {"frequency_factors": short, "long_factors": long, "original_length": length, "scale": float(scale)}


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
