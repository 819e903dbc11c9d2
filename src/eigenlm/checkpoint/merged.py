"""The tensors of a model with an adapter merged into them."""

import re
from pathlib import Path

from torch import Tensor

from eigenlm.checkpoint.adapter import Adapter
from eigenlm.checkpoint.dialects import Dialect, Location
from eigenlm.checkpoint.dialects.layout import TRANSPOSED
from eigenlm.checkpoint.expert_stacks import ExpertStacks
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, explain
from eigenlm.linalg.by_blocks import Part


class Merged(TensorSource):
    """A base model's tensors, those that an adapter changes as it makes them; nothing is left out.

    Args:
        base: the tensors of a Hugging Face folder.
        adapter: whose names are those of the model's modules.
        dialect: of the base, which knows what the file, or the module that was wrapped, may leave off all names, and
            which matrices are stored as (in, out).
        path: of the base, for messages.

    Raises:
        CheckpointError: the base lacks a tensor that the adapter changes, or has it in other sizes.
    """

    def __init__(self, base: TensorSource, adapter: Adapter, dialect: Dialect, path: Path) -> None:
        base = ExpertStacks(base, dialect, map(adapter.tensor, adapter.layers))
        super().__init__(dict.fromkeys(base))
        self._base, self._adapter, self._prefix = base, adapter, dialect.prefix
        places = [place for place in dialect.names.values() if isinstance(place, Location)]
        turned = [re.escape(place.name) for place in places if TRANSPOSED in place.layout]
        self._turned = re.compile("|".join(turned).replace(re.escape("{i}"), r"\d+"))
        self._layers: dict[str, str] = {}
        self._biases: dict[str, str] = {}
        self._whole: dict[str, str] = {}

        def place(name: str) -> str:
            found = [other for other in (name, self._prefix + name, name.removeprefix(self._prefix)) if other in base]
            if not found:
                expected, do = "tensors of the base model alone", "take the base that it was trained on"
                raise CheckpointError(explain(f"merging into {path}", expected=expected, got=repr(name), do=do))
            return found[0]

        for layer in adapter.layers:
            self._layers[place(adapter.tensor(layer))] = layer
            if adapter.bias_change(layer) is not None:
                self._biases[place(f"{layer}.bias")] = layer
        self._whole = {place(name): name for name in adapter.whole}
        self._check_sizes(path)

    def __getitem__(self, name: str) -> Tensor:
        tensor = self._adapter.whole_tensor(self._whole[name]) if name in self._whole else self._base[name]
        if name in self._layers:
            return self._adapter.merged(self._layers[name], tensor, in_first=self._in_first(name))
        change = self._adapter.bias_change(self._biases[name]) if name in self._biases else None
        return tensor if change is None else tensor.float() + change

    def part(self, name: str, where: Part) -> Tensor:
        """A part of a tensor; of a stack, only these experts are read and merged."""
        if name not in self._layers or len(self.shape(name)) < 3 or not isinstance(where, slice):
            return self[name][where]
        layer, W = self._layers[name], self._base.part(name, where)
        return self._adapter.merged(layer, W, in_first=self._in_first(name), experts=where)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor."""
        return self._base.shape(name)

    def storage(self, name: str) -> str:
        """How the base's numbers are stored."""
        return self._base.storage(name)

    def num_bytes(self, name: str) -> int:
        """Bytes in the base's file."""
        return self._base.num_bytes(name)

    def _in_first(self, name: str) -> bool:
        layer = name.removesuffix(".weight")
        return any(map(self._turned.fullmatch, (layer, self._prefix + layer)))

    def _check_sizes(self, path: Path) -> None:
        for name, layer in self._layers.items():
            *stack, m, n = self._adapter.shape_of_change(layer)
            self._same(path, name, (*stack, n, m) if self._in_first(name) else (*stack, m, n))
        for name, whole in self._whole.items():
            self._same(path, name, self._adapter.shape_of_whole(whole))
        for name, layer in self._biases.items():
            change = self._adapter.bias_change(layer)
            assert change is not None
            self._same(path, name, tuple(change.shape))

    def _same(self, path: Path, name: str, sizes: tuple[int, ...]) -> None:
        if self._base.shape(name) != sizes:
            got, do = f"{sizes} in the adapter", "take the base that it was trained on"
            expected = f"{name} of sizes {self._base.shape(name)}"
            raise CheckpointError(explain(f"merging into {path}", expected=expected, got=got, do=do))
