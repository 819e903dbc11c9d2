"""Rotary positions as GGUF files spell them: `rope.*` keys, and tables of factors in tensors of their own."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.keys import Refusal
from eigenlm.checkpoint.dialects.layers import HEAD_DIM, softmax_of
from eigenlm.checkpoint.dialects.names import Location, Names
from eigenlm.checkpoint.dialects.rope import ROTARY, check_factors, read_rope, rotary_of
from eigenlm.checkpoint.dialects.windows import LOCAL, alternating, first_window, has_window, windowed
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import ConfigError, explain
from eigenlm.model import TransformerConfig

_FACTORS, _LONG_FACTORS = f"{ROTARY}.frequency_factors", f"{ROTARY}.long_factors"
_ONE, _SHORT, _LONG = "rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"
NO_TABLE: Names = {}
ONE_TABLE: Names = {_FACTORS: Location(_ONE)}
SHORT_AND_LONG: Names = {_FACTORS: Location(_SHORT), _LONG_FACTORS: Location(_LONG)}


def gguf_rope(tables: Names = NO_TABLE, *, partial: bool = False, truncate: bool = True) -> FamilyPart:
    """One rotation for all layers.

    Args:
        tables: of factors that the architecture may have.
        partial: whether a part of each head may be turned.
        truncate: whether the bounds of YaRN are rounded to whole frequencies.
    """

    def read(file: FileReading) -> dict[str, Any]:
        fields = read_gguf_rope(file.values, file.tensors, file.ours[HEAD_DIM], truncate=truncate)
        turned = file.values.get("rope.dimension_count", file.ours[HEAD_DIM])
        if not partial and turned != file.ours[HEAD_DIM]:
            raise Refusal("all of a head turned", turned)
        return fields

    def write(config: TransformerConfig) -> dict[str, Any]:
        rotary, head_dim = rotary_of(config), softmax_of(config).head_dim
        said = {"rope.dimension_count": rotary.width or head_dim, "rope.freq_base": rotary.base}
        factors, told = rotary.frequency_factors, _tables(config, tables)
        if _LONG_FACTORS in told:
            return said | {
                "rope.scaling.type": "longrope",
                "rope.scaling.original_context_length": rotary.original_length,
                "rope.scaling.attn_factor": rotary.scale,
            }
        if factors is not None and len(set(factors)) == 1:
            return said | {"rope.scaling.type": "linear", "rope.scaling.factor": factors[0]}
        if factors is not None and not told:
            raise ConfigError(explain("writing GGUF", expected="one rotary factor for all frequencies", got="several"))
        return said

    return FamilyPart(read, write, names=lambda config: tables, tensors=lambda config: _tables(config, tables))


def _tables(config: TransformerConfig, tables: Names) -> dict[str, Tensor]:
    """The factors that differ, in those of the tables that an architecture has."""
    if not tables:
        return {}
    rotary = rotary_of(config)
    short, long = rotary.frequency_factors, rotary.long_factors
    if _LONG_FACTORS not in tables:
        return {} if short is None or len(set(short)) == 1 else {_FACTORS: torch.tensor(short)}
    if long is None:
        return {}
    return {_FACTORS: torch.tensor(short or (1.0,) * len(long)), _LONG_FACTORS: torch.tensor(long)}


def read_gguf_rope(
    values: Mapping[str, Any], tensors: TensorSource, head_dim: int, *, truncate: bool = True
) -> dict[str, Any]:
    """Our fields from GGUF's `rope.*` keys (without the architecture) and its tables of factors.

    Args:
        values: of the file.
        tensors: of the file.
        head_dim: K.
        truncate: see `gguf_rope`.

    Raises:
        Refusal: a scaling that is not a division of each frequency.
    """
    width = values.get("rope.dimension_count", head_dim)
    if not isinstance(width, int) or not 0 < width <= head_dim:
        raise Refusal(f"at most {head_dim} numbers turned", width)
    kind = values.get("rope.scaling.type", "linear" if "rope.scale_linear" in values else "none")
    if kind not in ("none", "linear", "longrope", "yarn"):
        raise Refusal("a rotary scaling of none, linear, longrope or yarn", repr(kind))
    if kind == "yarn":
        return {ROTARY: _yarn(values, width, head_dim, truncate), "positions.kind": "none"}
    factor = values.get("rope.scaling.factor", values.get("rope.scale_linear", 1.0)) if kind == "linear" else 1.0
    base = float(values.get("rope.freq_base", 10000.0))
    factors = [float(one) * factor for one in tensors[_ONE].flatten()] if _ONE in tensors else [factor] * (width // 2)
    check_factors([base, *factors])
    rotary = {
        "base": base,
        "width": None if width == head_dim else width,
        "frequency_factors": None if set(factors) == {1.0} else factors,
        **(_longrope(values, tensors) if _LONG in tensors else {}),
    }
    return {ROTARY: rotary, "positions.kind": "none"}


def _yarn(values: Mapping[str, Any], width: int, head_dim: int, truncate: bool) -> dict[str, Any]:
    if values.get("rope.scaling.attn_factor", 1.0) != 1.0:
        raise Refusal("rope.scaling.attn_factor = 1.0", values["rope.scaling.attn_factor"])
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


def _longrope(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
    short, long = (tensors[name].flatten().tolist() for name in (_SHORT, _LONG))
    check_factors([*short, *long])
    return {
        "frequency_factors": short,
        "long_factors": long,
        "original_length": values["rope.scaling.original_context_length"],
        "scale": float(values.get("rope.scaling.attn_factor", 1.0)),
    }


def gguf_by_type(n: int, local_rotary: Callable[[Mapping[str, Any], dict[str, Any]], dict[str, Any]]) -> FamilyPart:
    """Layers that have a window and a rotation by their type.

    Args:
        n: every n-th layer is of full attention where `attention.sliding_window_pattern` is absent.
        local_rotary: the rotation in a window, from the file's values and the rotation of full attention.
    """

    def read(file: FileReading) -> dict[str, Any]:
        count, full = file.ours["num_layers"], file.ours[ROTARY]
        size = file.values.get("attention.sliding_window")
        pattern = file.values.get("attention.sliding_window_pattern", n)
        has = pattern if isinstance(pattern, list) else [kind == LOCAL for kind in alternating(count, pattern)]
        has = [bool(one and size) for one in has]
        local = local_rotary(file.values, full)
        layers = windowed([size if one else None for one in has])["layers"]
        turned = [{"attention.rotary": local if one else full} for one in has]
        return {"layers": [{**layer, **turn} for layer, turn in zip(layers, turned)]}

    def write(config: TransformerConfig) -> dict[str, Any]:
        return {
            "attention.sliding_window": first_window(config),
            "attention.sliding_window_pattern": [has_window(layer) for layer in config.layers],
            "rope.freq_base_swa": rotary_of(config, LOCAL).base,
        }

    return FamilyPart(read, write)
