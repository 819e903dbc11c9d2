"""Windows of attention: one for all layers, or layers of two types by turns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.keys import Refusal
from eigenlm.model import LayerConfig, SlidingWindowConfig, TransformerConfig

FULL, LOCAL = "full_attention", "sliding_attention"
Types = Callable[[FileReading], Sequence[str]]


def windowed(windows: Sequence[int | None]) -> dict[str, Any]:
    """Layers that have these windows; None for a layer without one."""
    softmax = {"attention.kind": "softmax"}
    return {
        "layers": [
            softmax if window is None else {"attention.kind": "sliding_window", "attention.window": window}
            for window in windows
        ]
    }


def has_window(layer: LayerConfig) -> bool:
    """Whether a layer's attention has one."""
    return isinstance(layer.attention, SlidingWindowConfig)


def windows_of(config: TransformerConfig) -> list[int | None]:
    """The window of each layer, None for one without."""
    attentions = [layer.attention for layer in config.layers]
    return [attention.window if isinstance(attention, SlidingWindowConfig) else None for attention in attentions]


def first_window(config: TransformerConfig) -> int | None:
    """The window that some layers have, None where none has."""
    return next((window for window in windows_of(config) if window is not None), None)


def one_window(key: str = "sliding_window", *, switch: str = "") -> FamilyPart:
    """A window for all layers, or for none.

    Args:
        key: what says it.
        switch: the key of whether there is one; with no such key, there is if the window is said.
    """

    def read(file: FileReading) -> dict[str, Any]:
        on = not switch or file.values[switch]
        return windowed([file.values.get(key) if on else None])

    def write(config: TransformerConfig) -> dict[str, Any]:
        window = windows_of(config)[0]
        return {key: window} | ({switch: window is not None} if switch else {})

    return FamilyPart(read, write)


def every(n: int, key: str = "sliding_window_pattern") -> Types:
    """Types of which each n-th is full attention, the others have a window; another number may stand at `key`."""
    return lambda file: alternating(file.ours["num_layers"], file.values.get(key) or n)


def alternating(num_layers: int, n: int) -> list[str]:
    """Full attention in each layer whose number, from 1, is a multiple of n; a window in the others."""
    return [LOCAL if (i + 1) % n else FULL for i in range(num_layers)]


def types_of(file: FileReading, usual: Types) -> list[str]:
    """The type of each layer, as `layer_types` lists them; an absent list means the usual ones."""
    types = list(file.values.get("layer_types") or usual(file))
    unknown = next((one for one in types if one not in (FULL, LOCAL)), None)
    if unknown is not None:
        raise Refusal(f"layer_types of {FULL} and {LOCAL}", repr(unknown))
    return types


def written_types(config: TransformerConfig) -> list[str]:
    """The type of each layer of a model."""
    return [LOCAL if has_window(layer) else FULL for layer in config.layers]


def by_type(
    usual: Types,
    *,
    key: str = "sliding_window",
    when: Callable[[Mapping[str, Any]], bool] = lambda values: True,
) -> FamilyPart:
    """In Hugging Face's format, a window for the layers of one type.

    Args:
        usual: the types that an absent list means.
        key: what says the window, which transformers asks for even where no layer has one.
        when: whether a file has windows at all.
    """

    def read(file: FileReading) -> dict[str, Any]:
        window = file.values.get(key) if when(file.values) else None
        return windowed([window if kind == LOCAL else None for kind in types_of(file, usual)])

    def write(config: TransformerConfig) -> dict[str, Any]:
        return {key: first_window(config) or config.context_length, "layer_types": written_types(config)}

    return FamilyPart(read, write)
