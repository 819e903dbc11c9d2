"""The tensors of a model in which every linear layer, however it is stored, is the one matrix that it applies."""

from collections.abc import Mapping

import torch
from torch import Tensor

from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import DataError
from eigenlm.linalg.by_blocks import Part
from eigenlm.linear import LinearMap, linear_map


class WholeMatrices(TensorSource):
    """Tensors by name, with `LAYER.weight` in the place of what a layer that is not dense keeps.

    Args:
        tensors: of a model, under our names.
        layers: its linear layers that are not dense, by name, without numbers.
    """

    def __init__(self, tensors: TensorSource, layers: Mapping[str, LinearMap]) -> None:
        self._tensors, self._layers = tensors, layers
        owner = {f"{name}.{part}": name for name, layer in layers.items() for part in layer.state_dict()}
        names: dict[str, str | None] = {}
        for name in tensors:
            layer = owner.get(name)
            names[name if layer is None else f"{layer}.weight"] = layer
            if layer is not None and layers[layer].bias is not None:
                names[f"{layer}.bias"] = layer
        super().__init__(names)

    def __getitem__(self, name: str) -> Tensor:
        layer = self._entries[name]
        if layer is None:
            return self._tensors[name]
        with torch.device("meta"):
            empty = linear_map(self._layers[layer].spec())
        empty.load_state_dict({part: self._tensors[f"{layer}.{part}"] for part in empty.state_dict()}, assign=True)
        if fault := empty.fault():
            raise DataError(f"tensor {layer}.{fault}")
        if name.endswith(".bias"):
            assert empty.bias is not None
            return empty.bias.detach()
        return empty.dense().detach()

    def part(self, name: str, where: Part) -> Tensor:
        """Some rows of a tensor, or some columns of them."""
        return self._tensors.part(name, where) if self._entries[name] is None else self[name][where]

    def reads_parts(self, name: str) -> bool:
        """Whether it is stored as it is, in a file that does."""
        return self._entries[name] is None and self._tensors.reads_parts(name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor."""
        layer = self._entries[name]
        if layer is None:
            return self._tensors.shape(name)
        sizes = self._layers[layer].out_features, self._layers[layer].in_features
        return sizes[:1] if name.endswith(".bias") else sizes

    def storage(self, name: str) -> str:
        """How its numbers are stored, and what the layer is: `F32, rank 8`, `I8, int8`."""
        layer = self._entries[name]
        if layer is None:
            return self._tensors.storage(name)
        found = self._layers[layer]
        stored = self._tensors.storage(f"{layer}.{next(iter(found.state_dict()))}")
        return f"{stored}, " + ", ".join([f"{word} {getattr(found, word)}" for word in found.settings] or [found.kind])

    def num_bytes(self, name: str) -> int:
        """Bytes that it takes in the file; those of a layer's bias are among its matrix's."""
        layer = self._entries[name]
        if layer is None:
            return self._tensors.num_bytes(name)
        if name.endswith(".bias"):
            return 0
        return sum(self._tensors.num_bytes(f"{layer}.{part}") for part in self._layers[layer].state_dict())
