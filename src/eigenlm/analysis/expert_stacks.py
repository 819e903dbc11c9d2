"""Tensors that stack the matrices of experts, as one matrix an expert."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from eigenlm.linalg.by_blocks import Part

# `blk.0.ffn_gate_exps.weight` in GGUF, `model.layers.0.mlp.experts.gate_up_proj` in Hugging Face's files.
_STACK = re.compile(r"(_exps|\bexperts)\b")


class ExpertsApart(Mapping):
    """Tensors by name, with slice e of a stack of experts `STACK` or `STACK.weight` as `STACK.e.weight`.

    Args:
        tensors: what they come from; read when asked for.
    """

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        self._tensors = tensors
        self._places: dict[str, tuple[str, int | None]] = {}
        for name in tensors:
            if is_stack(name, sizes_of(tensors, name)):
                stem = name.removesuffix(".weight")
                self._places |= {f"{stem}.{e}.weight": (name, e) for e in range(sizes_of(tensors, name)[0])}
            else:
                self._places[name] = name, None
        told: Any = getattr(tensors, "storage", None)
        if callable(told):
            self.storage = lambda name: told(self._places[name][0])

    def __getitem__(self, name: str) -> Tensor:
        source, expert = self._places[name]
        return self._tensors[source] if expert is None else self._part(source, slice(expert, expert + 1))[0]

    def part(self, name: str, where: Part) -> Tensor:
        """Some rows of a tensor, or some columns of them."""
        source, expert = self._places[name]
        return self._part(source, where) if expert is None else self[name][where]

    def reads_parts(self, name: str) -> bool:
        """Whether `part` reads no more of a tensor than it gives."""
        source, expert = self._places[name]
        told: Any = getattr(self._tensors, "reads_parts", None)
        return expert is None and callable(told) and told(source)

    def _part(self, source: str, where: Part) -> Tensor:
        read: Any = getattr(self._tensors, "part", None)
        return read(source, where) if callable(read) else self._tensors[source][where]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places  # Mapping's own would read the tensor

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor; a file is not read for them."""
        source, expert = self._places[name]
        sizes = sizes_of(self._tensors, source)
        return sizes if expert is None else sizes[1:]


def is_stack(name: str, sizes: tuple[int, ...]) -> bool:
    """Whether a tensor of this name and these sizes stacks the matrices of experts."""
    return len(sizes) == 3 and _STACK.search(name) is not None


def sizes_of(tensors: Mapping[str, Any], name: str) -> tuple[int, ...]:
    """Sizes of a tensor, without reading it where the source knows them."""
    known: Any = getattr(tensors, "shape", None)
    return tuple(known(name)) if callable(known) else tuple(tensors[name].shape)
