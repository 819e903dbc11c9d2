"""Tensors whose lengths are stored apart from their directions, as the tensors that are used (arXiv:1602.07868)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from eigenlm.analysis.tensor_view import TensorView, part_of, reads_parts_of, sizes_of
from eigenlm.linalg.by_blocks import Part

# Endings of the lengths and of the directions: `torch.nn.utils.weight_norm`, and the one among its parametrizations.
_PAIRS = ((".weight_g", ".weight_v"), (".parametrizations.weight.original0", ".parametrizations.weight.original1"))


class LengthsGiven(TensorView):
    """Tensors by name, with W = g v / |v| as `LAYER.weight` in the places of g and v, each row or matrix by itself.

    Args:
        tensors: what they come from; read when asked for.
    """

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        super().__init__(tensors, dict(_pair(tensors, name) for name in tensors))
        told: Any = getattr(tensors, "storage", None)
        if callable(told):
            self.storage = lambda name: told(self._places[name][-1])

    def __getitem__(self, name: str) -> Tensor:
        *lengths, source = self._places[name]
        v = self._tensors[source]
        if not lengths:
            return v
        g = self._tensors[lengths[0]].double()
        over = [d for d in range(v.ndim) if g.ndim == 0 or g.shape[d] == 1]
        with torch.no_grad():
            return (g * v / torch.linalg.vector_norm(v.double(), dim=over, keepdim=True)).to(v.dtype)

    def part(self, name: str, where: Part) -> Tensor:
        """Some rows of a tensor, or some columns of them."""
        return part_of(self._tensors, name, where) if len(self._places[name]) == 1 else self[name][where]

    def reads_parts(self, name: str) -> bool:
        """Whether `part` reads no more of a tensor than it gives."""
        return len(self._places[name]) == 1 and reads_parts_of(self._tensors, name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor; a file is not read for them."""
        return sizes_of(self._tensors, self._places[name][-1])


def _pair(tensors: Mapping[str, Any], name: str) -> tuple[str, tuple[str, ...]]:
    """What a tensor is shown as, and the stored ones that make it."""
    for endings in _PAIRS:
        stem = name.removesuffix(endings[0]).removesuffix(endings[1])
        g, v = (stem + ending for ending in endings)
        if name in (g, v) and g in tensors and v in tensors:
            lengths, sizes = sizes_of(tensors, g), sizes_of(tensors, v)
            if not lengths or (len(lengths) == len(sizes) and all(a in (1, b) for a, b in zip(lengths, sizes))):
                return f"{stem}.weight", (g, v)
    return name, (name,)
