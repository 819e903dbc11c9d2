"""Tensors by name that are made from others, and what those others know without being read."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from eigenlm.linalg.by_blocks import Part


class TensorView(Mapping):
    """Tensors by name, each from its place among others; they are read when asked for.

    Args:
        tensors: what they come from.
        places: of each, where it comes from.
    """

    def __init__(self, tensors: Mapping[str, Any], places: Mapping[str, Any]) -> None:
        self._tensors, self._places = tensors, places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places  # Mapping's own would read the tensor


def sizes_of(tensors: Mapping[str, Any], name: str) -> tuple[int, ...]:
    """Sizes of a tensor, without reading it where the source knows them."""
    known: Any = getattr(tensors, "shape", None)
    return tuple(known(name)) if callable(known) else tuple(tensors[name].shape)


def part_of(tensors: Mapping[str, Any], name: str, where: Part) -> Tensor:
    """Some rows of a tensor, or some columns of them, without the others where the source can."""
    read: Any = getattr(tensors, "part", None)
    return read(name, where) if callable(read) else tensors[name][where]


def reads_parts_of(tensors: Mapping[str, Any], name: str) -> bool:
    """Whether the source reads no more of a tensor than `part_of` gives."""
    told: Any = getattr(tensors, "reads_parts", None)
    return callable(told) and told(name)
