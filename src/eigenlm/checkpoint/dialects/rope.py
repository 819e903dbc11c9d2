"""Rotary positions as Hugging Face configs spell them: a base, and one divisor for each frequency."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from eigenlm.attention import RotaryConfig, SoftmaxConfig
from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.keys import Refusal
from eigenlm.checkpoint.dialects.layers import HEAD_DIM, softmax_of
from eigenlm.checkpoint.dialects.windows import FULL, LOCAL, Types, has_window, types_of
from eigenlm.errors import ConfigError, explain
from eigenlm.model import TransformerConfig

ROTARY = "layer.attention.rotary"
_KINDS = "default, linear, dynamic, llama3, yarn or longrope"


def rotary_of(config: TransformerConfig, type_of_layer: str = FULL) -> RotaryConfig:
    """How queries and keys are turned, in the first layer of a type or, where none of it turns them, of the other.

    Raises:
        ConfigError: they are not turned.
    """
    layers = sorted(config.layers, key=lambda layer: has_window(layer) != (type_of_layer == LOCAL))
    for layer in layers:
        if isinstance(layer.attention, SoftmaxConfig) and layer.attention.rotary is not None:
            return layer.attention.rotary
    raise ConfigError(explain("writing rotary positions", expected="a model that has them", got="another"))


def rope(*, partial: bool = False) -> FamilyPart:
    """One rotation for all layers: `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (4).

    Args:
        partial: whether models of the family may turn a part of each head alone; then the share is always written.
    """

    def read(file: FileReading) -> dict[str, Any]:
        scaling = file.values.get("rope_scaling") or file.values.get("rope_parameters") or {}
        share = scaling.get("partial_rotary_factor") or file.values.get("partial_rotary_factor") or 1.0
        if share != 1.0 and not partial:
            raise Refusal("all of a head turned", f"a share of {share}")
        if any(isinstance(value, Mapping) for value in scaling.values()):
            raise Refusal("one base for all layers", "one a kind of layer")
        return {ROTARY: read_rope(scaling, file.values, file.ours[HEAD_DIM]), "positions.kind": "none"}

    def write(config: TransformerConfig) -> dict[str, Any]:
        rotary, head_dim = rotary_of(config), softmax_of(config).head_dim
        scaling = write_rope(rotary, head_dim, config.context_length)
        share = {"partial_rotary_factor": (rotary.width or head_dim) / head_dim} if partial else {}
        old = {"rope_theta": rotary.base, "rope_scaling": _scaling_alone(scaling)}
        return {**old, "rope_parameters": {**scaling, **share}, **share}

    return FamilyPart(read, write)


def ropes_by_type(
    usual: Types, bases: Mapping[str, tuple[str, float]], *, scaled: tuple[str, ...] = (FULL,)
) -> FamilyPart:
    """A rotation for each type of layer: `rope_parameters` for each, or a base for each and `rope_scaling`.

    Args:
        usual: the types that an absent list means.
        bases: for each type the key of its base, and what its absence means.
        scaled: the types that `rope_scaling` is for.
    """

    def read(file: FileReading) -> dict[str, Any]:
        def rotary(kind: str) -> dict[str, Any]:
            key, base = bases[kind]
            scaling = (file.values.get("rope_scaling") or {}) if kind in scaled else {}
            own = (file.values.get("rope_parameters") or {}).get(kind) or {}
            told = {"rope_theta": file.values.get(key) or base, **scaling, **own}
            return read_rope(told, file.values, file.ours[HEAD_DIM])

        rotaries = {kind: rotary(kind) for kind in bases}
        layers = [{"attention.rotary": rotaries[kind]} for kind in types_of(file, usual)]
        return {"positions.kind": "none", "layers": layers}

    def write(config: TransformerConfig) -> dict[str, Any]:
        head_dim, length = softmax_of(config).head_dim, config.context_length
        told = {kind: write_rope(rotary_of(config, kind), head_dim, length) for kind in bases}
        each = {bases[kind][0]: told[kind]["rope_theta"] for kind in (LOCAL, FULL)}
        old = {"rope_scaling": _scaling_alone(told[FULL])} if scaled == (FULL,) else {}
        return {**each, **old, "rope_parameters": told}

    return FamilyPart(read, write)


def _scaling_alone(rope: Mapping[str, Any]) -> dict[str, Any] | None:
    """`rope_scaling` of transformers 4."""
    plain = {key: value for key, value in rope.items() if key not in ("rope_theta", "partial_rotary_factor")}
    return None if rope["rope_type"] == "default" else plain


def read_rope(scaling: Mapping[str, Any], values: Mapping[str, Any], head_dim: int) -> dict[str, Any]:
    """Fields of a `RotaryConfig` from one dictionary of rope parameters, and the values of the whole config.

    Raises:
        Refusal: a scaling that is not known.
    """
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    base = float(scaling.get("rope_theta") or values.get("rope_theta") or 10000.0)
    share = scaling.get("partial_rotary_factor") or values.get("partial_rotary_factor") or 1.0
    width = int(head_dim * share)
    if not 0.0 < base < math.inf or not 0 < width <= head_dim:
        raise Refusal("a base above 0 and a share in (0, 1]", f"a base of {base} and a share of {share}")
    try:
        fields = _scaled(kind, scaling, values, base, width)
    except (KeyError, TypeError) as error:
        raise Refusal(f"all numbers of the rotary scaling {kind!r}", repr(error)) from error
    check_factors([*(fields.get("frequency_factors") or ()), *(fields.get("long_factors") or ())])
    return {"base": base, "width": None if width == head_dim else width, "frequency_factors": None, **fields}


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


def check_factors(factors: Sequence[float]) -> None:
    """Refuse a base or a factor that is not above 0."""
    for number in factors:
        if not 0.0 < number < math.inf:
            raise Refusal("a base and factors of rotary positions above 0", number)


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
    raise Refusal(f"a rotary scaling of {_KINDS}", repr(kind))


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
