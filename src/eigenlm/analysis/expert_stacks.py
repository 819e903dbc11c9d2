"""Tensors that stack the matrices of experts, as one matrix an expert."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from eigenlm.analysis.tensor_view import TensorView, part_of, reads_parts_of, sizes_of
from eigenlm.linalg.by_blocks import Part

# `blk.0.ffn_gate_exps.weight` in GGUF, `model.layers.0.mlp.experts.gate_up_proj` in Hugging Face's files.
_STACK = re.compile(r"(_exps|\bexperts)\b")


class ExpertsApart(TensorView):
    """Tensors by name, with slice e of a stack of experts `STACK` or `STACK.weight` as `STACK.e.weight`.

    Args:
        tensors: what they come from; read when asked for.
    """

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        places: dict[str, tuple[str, int | None]] = {}
        for name in tensors:
            if is_stack(name, sizes_of(tensors, name)):
                stem = name.removesuffix(".weight")
                places |= {f"{stem}.{e}.weight": (name, e) for e in range(sizes_of(tensors, name)[0])}
            else:
                places[name] = name, None
        super().__init__(tensors, places)
        told: Any = getattr(tensors, "storage", None)
        if callable(told):
            self.storage = lambda name: told(self._places[name][0])

    def __getitem__(self, name: str) -> Tensor:
        source, expert = self._places[name]
        return self._tensors[source] if expert is None else part_of(self._tensors, source, slice(expert, expert + 1))[0]

    def part(self, name: str, where: Part) -> Tensor:
        """Some rows of a tensor, or some columns of them."""
        source, expert = self._places[name]
        return part_of(self._tensors, source, where) if expert is None else self[name][where]

    def reads_parts(self, name: str) -> bool:
        """Whether `part` reads no more of a tensor than it gives."""
        source, expert = self._places[name]
        return expert is None and reads_parts_of(self._tensors, source)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor; a file is not read for them."""
        source, expert = self._places[name]
        sizes = sizes_of(self._tensors, source)
        return sizes if expert is None else sizes[1:]


def is_stack(name: str, sizes: tuple[int, ...]) -> bool:
    """Whether a tensor of this name and these sizes stacks the matrices of experts."""
    return len(sizes) == 3 and _STACK.search(name) is not None
