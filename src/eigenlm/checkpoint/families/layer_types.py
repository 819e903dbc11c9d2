"""Layers of two types by turns: full attention, and attention in a window, each with a rotation of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eigenlm.checkpoint.families.dialect import Dialect, refuse, softmax_of, windowed, windows_of
from eigenlm.checkpoint.families.rope import ROTARY, read_rope, rotary_of, write_rope
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.model import LayerConfig, SlidingWindowConfig, TransformerConfig

FULL, LOCAL = "full_attention", "sliding_attention"
_OWN_ROTARY = ROTARY.removeprefix("layer.")


def alternating(num_layers: int, every: int) -> list[str]:
    """Full attention in each layer whose number, from 1, is a multiple of `every`; a window in the others."""
    return [LOCAL if (i + 1) % every else FULL for i in range(num_layers)]


def read_types(values: Mapping[str, Any], default: Sequence[str]) -> list[str]:
    """The type of each layer, as `layer_types` lists them.

    Args:
        values: of config.json.
        default: what an absent list means.

    Raises:
        CheckpointError: a type that is not known.
    """
    types = list(values.get("layer_types") or default)
    unknown = next((one for one in types if one not in (FULL, LOCAL)), None)
    if unknown is not None:
        raise refuse(str(values.get("model_type")), f"layer_types of {FULL} and {LOCAL}", repr(unknown))
    return types


def read_windows(values: Mapping[str, Any], types: Sequence[str]) -> list[dict[str, Any]]:
    """The `layers` of a Hugging Face config: those of type `sliding_attention` have its window."""
    window = values.get("sliding_window", 4096)
    return windowed([window if kind == LOCAL else None for kind in types])


def write_windows(config: TransformerConfig) -> dict[str, Any]:
    """`sliding_window`, which transformers asks for even where no layer has one, and `layer_types`."""
    windows = windows_of(config)
    return {
        "sliding_window": next((one for one in windows if one is not None), config.context_length),
        "layer_types": [FULL if one is None else LOCAL for one in windows],
    }


def with_two_ropes(dialect: Dialect, *, every: int, base: float, local_base: tuple[str, float]) -> Dialect:
    """A family in Hugging Face's format whose layers have a window and a rotation by their type.

    Args:
        dialect: the family as if all its layers were of full attention.
        every: what no list of types means, see `alternating`; the key `sliding_window_pattern` says another number.
        base: what an absent `rope_theta` means, for full attention.
        local_base: the key of the base for the others, and what its absence means.
    """
    local_key, local_default = local_base

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        told = values.get("rope_parameters") or {}
        scaling = values.get("rope_scaling") or {}
        ropes = {
            FULL: {"rope_theta": values.get("rope_theta") or base, **scaling, **(told.get(FULL) or {})},
            LOCAL: {"rope_theta": values.get(local_key) or local_default, **(told.get(LOCAL) or {})},
        }
        ours = dialect.read({**values, "rope_parameters": ropes[FULL], "rope_scaling": None}, tensors)
        rotary = {kind: read_rope(rope, values, values["head_dim"]) for kind, rope in ropes.items()}
        pattern = values.get("sliding_window_pattern") or every
        types = read_types(values, alternating(values["num_hidden_layers"], pattern))
        return {**ours, "layers": _turned(read_windows(values, types), [rotary[kind] for kind in types])}

    def write(config: TransformerConfig) -> dict[str, Any]:
        layers = dict(zip((FULL, LOCAL), full_and_local(config)))
        head_dim = softmax_of(config).head_dim
        return {
            local_key: rotary_of(layers[LOCAL]).base,
            **dialect.write(replace(config, pattern=(layers[FULL],))),
            **write_windows(config),
            "rope_parameters": {
                kind: write_rope(rotary_of(layer), head_dim, config.context_length) for kind, layer in layers.items()
            },
        }

    return replace(dialect, read=read, write=write)


def gguf_by_layer_type(
    dialect: Dialect,
    *,
    every: int,
    window: int | None,
    local_rotary: Callable[[Mapping[str, Any], dict[str, Any]], dict[str, Any]],
) -> Dialect:
    """An architecture in GGUF whose layers have a window and a rotation by their type.

    Args:
        dialect: the architecture as if all its layers were of full attention.
        every: what an absent `attention.sliding_window_pattern` means, see `alternating`.
        window: what an absent `attention.sliding_window` means.
        local_rotary: the rotation in a window, from the file's values and the rotation of full attention.
    """

    def read(values: Mapping[str, Any], tensors: TensorSource) -> dict[str, Any]:
        ours = dialect.read(values, tensors)
        size = values.get("attention.sliding_window", window) or None
        pattern = values.get("attention.sliding_window_pattern", every)
        num_layers = values["block_count"]
        if isinstance(pattern, list):
            local = [bool(one) for one in pattern]
        else:
            local = [kind == LOCAL for kind in alternating(num_layers, pattern)]
        local = local if size else [False] * num_layers
        rotary = {False: ours[ROTARY], True: local_rotary(values, ours[ROTARY])}
        layers = windowed([size if one else None for one in local])
        return {**ours, "layers": _turned(layers, [rotary[one] for one in local])}

    def write(config: TransformerConfig) -> dict[str, Any]:
        full, local = full_and_local(config)
        windows = windows_of(config)
        size = next((one for one in windows if one is not None), None)
        said = dialect.write(replace(config, pattern=(full,)))
        said = said if size is None else {**said, "attention.sliding_window": size}
        return {
            **said,
            "attention.sliding_window_pattern": [one is not None for one in windows],
            "rope.freq_base_swa": rotary_of(local).base,
        }

    return replace(dialect, read=read, write=write, misread=lambda config: None)


def full_and_local(config: TransformerConfig) -> tuple[LayerConfig, LayerConfig]:
    """The first layer without a window and the first with one; the first of all for a type that is not there."""
    has_window = [isinstance(layer.attention, SlidingWindowConfig) for layer in config.layers]
    full, local = (has_window.index(one) if one in has_window else 0 for one in (False, True))
    return config.layers[full], config.layers[local]


def _turned(layers: list[dict[str, Any]], rotaries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Own fields of each layer, and its rotation."""
    return [{**own, _OWN_ROTARY: rotary} for own, rotary in zip(layers, rotaries)]
