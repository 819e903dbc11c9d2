"""Whatever holds a model, as matrices by name."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eigenlm.analysis.expert_stacks import ExpertsApart
from eigenlm.analysis.tensor_view import TensorView, part_of, reads_parts_of, sizes_of
from eigenlm.analysis.weight_norm import LengthsGiven
from eigenlm.checkpoint import open_matrices
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.linalg.by_blocks import Part
from eigenlm.linear import LinearMap

_FACTORS = ("A", "B", "K", "place")


class Weights(TensorView):
    """Tensors by name, read when asked for; what makes one matrix stands as that: factors, lengths and directions.

    Args:
        tensors: tensors by eigenlm's names; factors are `LAYER.A` and `LAYER.B`, or `LAYER.A`, `LAYER.K` and
            `LAYER.place` where some rows tell the others.
    """

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        self._tensors = tensors = ExpertsApart(LengthsGiven(tensors))
        self._thin = {layer for name in tensors if name.endswith(".A") and self._fits(layer := name.removesuffix(".A"))}
        super().__init__(tensors, dict.fromkeys(map(self._whole, tensors)))

    def __getitem__(self, name: str) -> Tensor:
        layer = name.removesuffix(".weight")
        if layer not in self._thin:
            return self._tensors[name]
        A = self._tensors[f"{layer}.A"]
        if f"{layer}.B" in self._tensors:
            return self._tensors[f"{layer}.B"] @ A
        rows, place = torch.cat([A, self._tensors[f"{layer}.K"] @ A]), self._tensors[f"{layer}.place"]
        if place.dtype != torch.int64 or not 0 <= int(place.min()) <= int(place.max()) < len(rows):
            got = f"others, of {place.dtype}"
            raise DataError(explain(f"{layer}.place", expected=f"places of {len(rows)} rows", got=got))
        return rows[place]

    def part(self, name: str, where: Part) -> Tensor:
        """Some rows of a tensor, or some columns of them."""
        return part_of(self._tensors, name, where) if self.reads_parts(name) else self[name][where]

    def reads_parts(self, name: str) -> bool:
        """Whether `part` reads no more of a tensor than it gives."""
        return name.removesuffix(".weight") not in self._thin and reads_parts_of(self._tensors, name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor; a file is not read for them."""
        layer = name.removesuffix(".weight")
        if layer not in self._thin:
            return self._size(name)
        rank, columns = self._size(f"{layer}.A")
        rows = self._size(f"{layer}.B")[0] if f"{layer}.B" in self._tensors else self._size(f"{layer}.K")[0] + rank
        return rows, columns

    def storage(self, name: str) -> str | None:
        """How the numbers are stored, with the rank of a low-rank matrix; None where the source cannot tell."""
        told = getattr(self._tensors, "storage", None)
        layer = name.removesuffix(".weight")
        if layer not in self._thin:
            return told(name) if callable(told) else None
        rank = f"rank {self._size(f'{layer}.A')[0]}"
        return f"{told(f'{layer}.A')}, {rank}" if callable(told) else rank

    def _whole(self, name: str) -> str:
        layer, _, part = name.rpartition(".")
        return f"{layer}.weight" if part in _FACTORS and layer in self._thin else name

    def _size(self, name: str) -> tuple[int, ...]:
        return sizes_of(self._tensors, name)

    def _fits(self, layer: str) -> bool:
        """Whether the factors of a layer are all there, and make a matrix."""
        sizes = {part: self._size(f"{layer}.{part}") for part in _FACTORS if f"{layer}.{part}" in self._tensors}
        other = sizes.get("B") or sizes.get("K", ())
        if len(sizes["A"]) != 2 or len(other) != 2 or other[1] != sizes["A"][0]:
            return False
        return "B" in sizes or sizes.get("place") == (other[0] + other[1],)


class _Parameters(Mapping[str, Tensor]):
    """A module's parameters by name; a linear map, however it is stored, is the one matrix that it applies."""

    def __init__(self, module: nn.Module) -> None:
        self._held: dict[str, Any] = {}
        seen: set[int] = set()
        for name, held in _named(module):
            if id(first := getattr(held, "weight", held)) not in seen:  # a tied matrix counts once
                self._held[name] = held
                seen.add(id(first))

    def __getitem__(self, name: str) -> Tensor:
        held = self._held[name]
        with torch.no_grad():
            return held if isinstance(held, Tensor) else held.dense()

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def shape(self, name: str) -> tuple[int, ...]:
        held = self._held[name]
        return tuple(held.shape) if isinstance(held, Tensor) else (held.out_features, held.in_features)

    def storage(self, name: str) -> str | None:
        held = self._held[name]
        rank = getattr(held, "rank", None)
        return f"rank {rank}" if rank is not None else None if hasattr(held, "weight") else getattr(held, "kind", None)


def _named(module: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Parameters, and in their places the linear maps that make one matrix of theirs."""
    if isinstance(module, LinearMap):
        yield f"{prefix}weight", module
        if isinstance(module.bias, Tensor):
            yield f"{prefix}bias", module.bias
        return
    yield from ((prefix + name, parameter) for name, parameter in module.named_parameters(recurse=False))
    for name, part in module.named_children():
        yield from _named(part, f"{prefix}{name}.")


def _given(name: object, tensor: Any) -> Tensor:
    """A tensor that stands in a dictionary, where numpy's arrays are as good."""
    try:
        if isinstance(name, str):
            return tensor if isinstance(tensor, Tensor) else _from_numpy(np.asarray(tensor))
    except TypeError:  # words, or objects
        pass
    got = f"{name!r}: {type(tensor).__name__}"
    raise ConfigError(explain("analyze", expected="names, and tensors or numpy arrays of numbers", got=got))


def _from_numpy(array: np.ndarray) -> Tensor:
    try:
        return torch.from_numpy(array)
    except ValueError:  # strides that torch does not have
        return torch.from_numpy(array.copy())


def weights_of(model: Any) -> Weights:
    """The tensors of a path or name (read when asked for), a mapping, a module, or a `LanguageModel`.

    Raises:
        CheckpointError: the path holds no model, or a damaged one.
        ConfigError: the argument is none of these.
    """
    if isinstance(model, (str, Path)):
        return Weights(open_matrices(model))
    if isinstance(model, Mapping):
        return Weights({name: _given(name, tensor) for name, tensor in model.items()} if type(model) is dict else model)
    module = model if isinstance(model, nn.Module) else getattr(model, "model", None)
    if isinstance(module, nn.Module):
        return Weights(_Parameters(module))
    raise ConfigError(
        explain("analyze", expected="a model, a module, tensors by name, or a path", got=type(model).__name__)
    )
