"""Experts that a file keeps apart, in the one tensor that transformers 5 makes of them in memory."""

import re
from collections.abc import Iterable, Iterator
from itertools import count

import torch
from torch import Tensor

from eigenlm.checkpoint.dialects import Dialect, Location
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.linalg.by_blocks import Part


class ExpertStacks(TensorSource):
    """The tensors of a file, some of them stacked.

    Args:
        base: the file.
        dialect: which knows both forms.
        wanted: names of stacks; those that the file has as they are, or not at all, are left alone.
    """

    def __init__(self, base: TensorSource, dialect: Dialect, wanted: Iterable[str]) -> None:
        stacks = {name: list(_experts(base, dialect, name)) for name in wanted if name not in base}
        apart = {part for experts in stacks.values() for parts in experts for part in parts}
        made = {name: experts for name, experts in stacks.items() if experts}
        super().__init__({**{name: None for name in base if name not in apart}, **made})
        self._base = base

    def __getitem__(self, name: str) -> Tensor:
        return self._base[name] if self._entries[name] is None else self.part(name, slice(None))

    def part(self, name: str, where: Part) -> Tensor:
        """Some experts of a stack, or a part of another tensor."""
        if self._entries[name] is None or not isinstance(where, slice):
            return self._base.part(name, where)
        return torch.stack([torch.cat([self._base[part] for part in parts]) for parts in self._entries[name][where]])

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor: experts, rows, columns."""
        experts = self._entries[name]
        if experts is None:
            return self._base.shape(name)
        shapes = [self._base.shape(part) for part in experts[0]]
        return len(experts), sum(shape[0] for shape in shapes), *shapes[0][1:]

    def storage(self, name: str) -> str:
        """How its numbers are stored."""
        return self._base.storage(self._parts(name)[0])

    def num_bytes(self, name: str) -> int:
        """Bytes in the file."""
        return sum(map(self._base.num_bytes, self._parts(name)))

    def _parts(self, name: str) -> list[str]:
        experts = self._entries[name]
        return [name] if experts is None else [part for parts in experts for part in parts]


def _experts(base: TensorSource, dialect: Dialect, stack: str) -> Iterator[list[str]]:
    """For each expert of a stack, where the file keeps its rows."""
    block = (re.findall(r"\.(\d+)\.", stack) or [""])[0]
    template = stack.replace(f".{block}.", ".{i}.", 1)
    ours = [name for name, at in dialect.elsewhere.items() if isinstance(at, Location) and at.name == template]
    for e in count() if ours else ():
        parts = [dialect.place(name.format(i=block, e=e)).name for name in ours]
        if any(part not in base for part in parts):
            return
        yield parts
