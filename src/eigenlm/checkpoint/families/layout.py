"""How a file lays out what is one matrix here: turned, fused with others, in another order of rows, or stacked.

A layout is a chain of steps, from the file's tensor to ours. A step that selects gives one of several parts; the parts
of one tensor are put together again when a file is written.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eigenlm.attention import SoftmaxConfig
from eigenlm.model import DenseFeedForward, LayerConfig, MixtureConfig


@dataclass(frozen=True)
class Widths:
    """Rows of the matrices of a layer, by the names of the modules.

    Attributes:
        head_dim: K.
        rows: query, key, value, gate and up.
    """

    head_dim: int
    rows: Mapping[str, int]

    @classmethod
    def of(cls, layer: LayerConfig) -> "Widths":
        """Of a layer's config."""
        a, f = layer.attention, layer.feed_forward
        assert isinstance(a, SoftmaxConfig)
        inner = f.d_ff if isinstance(f, (DenseFeedForward, MixtureConfig)) else 0
        keys = a.num_kv_heads * a.head_dim
        rows = {"query": a.num_heads * a.head_dim, "key": keys, "value": keys, "gate": inner, "up": inner}
        return cls(a.head_dim, rows)


class LayoutStep(ABC):
    """One step of a layout."""

    @abstractmethod
    def take(self, stored: Tensor, widths: Widths) -> Tensor:
        """Our side of the step, from the file's."""


class Turn(LayoutStep):
    """A step that loses nothing."""

    @abstractmethod
    def give(self, ours: Tensor, widths: Widths) -> Tensor:
        """The file's side of the step, from ours."""


class Select(LayoutStep):
    """A step to one of several parts.

    Attributes:
        part: which, for the order in which they are put together.
    """

    part: Any

    @abstractmethod
    def join(self, parts: Sequence[Tensor], widths: Widths) -> Tensor:
        """The file's side of the step, from all parts in their order."""


@dataclass(frozen=True)
class Transposed(Turn):
    """A matrix is stored as (in, out); vectors are as they are."""

    def take(self, stored: Tensor, widths: Widths) -> Tensor:
        """As (out, in)."""
        return stored.mT if stored.dim() > 1 else stored

    def give(self, ours: Tensor, widths: Widths) -> Tensor:
        """As (in, out)."""
        return self.take(ours, widths)


@dataclass(frozen=True)
class OneRow(Turn):
    """A vector is stored as a matrix of one row."""

    def take(self, stored: Tensor, widths: Widths) -> Tensor:
        """The row."""
        return stored.squeeze(0)

    def give(self, ours: Tensor, widths: Widths) -> Tensor:
        """The matrix."""
        return ours[None]


@dataclass(frozen=True)
class Pairs(Turn):
    """Rows of each head are stored as 0, K/2, 1, K/2 + 1, ..., the order of GGML's rotation."""

    def take(self, stored: Tensor, widths: Widths) -> Tensor:
        """The first halves of the pairs before the second ones."""
        return stored.unflatten(0, (-1, widths.head_dim // 2, 2)).transpose(1, 2).flatten(0, 2)

    def give(self, ours: Tensor, widths: Widths) -> Tensor:
        """In pairs."""
        return ours.unflatten(0, (-1, 2, widths.head_dim // 2)).transpose(1, 2).flatten(0, 2)


@dataclass(frozen=True)
class PlusOne(Turn):
    """A norm's factor is stored, and the weight kept here is the factor less 1."""

    def take(self, stored: Tensor, widths: Widths) -> Tensor:
        """Less 1."""
        return stored - 1

    def give(self, ours: Tensor, widths: Widths) -> Tensor:
        """And 1."""
        return ours + 1


@dataclass(frozen=True)
class Rows(Select):
    """Some of the rows of a matrix that holds several, one after the other.

    Attributes:
        name: which module's.
        of: all of them, in order.
    """

    name: str
    of: tuple[str, ...]

    @property
    def part(self) -> int:
        """The place in the order."""
        return self.of.index(self.name)

    def take(self, stored: Tensor, widths: Widths) -> Tensor:
        """The rows."""
        return stored.split([widths.rows[name] for name in self.of], dim=0)[self.part]

    def join(self, parts: Sequence[Tensor], widths: Widths) -> Tensor:
        """All rows."""
        return torch.cat(list(parts), dim=0)


@dataclass(frozen=True)
class HeadRows(Select):
    """Some of the rows of a matrix that holds, for each head, those of its query, its key and its value.

    Attributes:
        part: 0, 1 or 2.
    """

    part: int

    def take(self, stored: Tensor, widths: Widths) -> Tensor:
        """The rows of all heads."""
        return stored.unflatten(0, (-1, 3, widths.head_dim))[:, self.part].flatten(0, 1)

    def join(self, parts: Sequence[Tensor], widths: Widths) -> Tensor:
        """All rows."""
        return torch.stack([part.unflatten(0, (-1, widths.head_dim)) for part in parts], dim=1).flatten(0, 2)


@dataclass(frozen=True)
class EveryOther(Select):
    """Every second row: those of gates and of the other branch, by turns.

    Attributes:
        part: 0 or 1.
    """

    part: int

    def take(self, stored: Tensor, widths: Widths) -> Tensor:
        """The rows."""
        return stored[self.part :: 2]

    def join(self, parts: Sequence[Tensor], widths: Widths) -> Tensor:
        """All rows."""
        return torch.stack(list(parts), dim=1).flatten(0, 1)


@dataclass(frozen=True)
class Stacked(Select):
    """One of several equal matrices in one tensor.

    Attributes:
        part: its number; in a table of names None, for the number in ours.
    """

    part: int | None = None

    def take(self, stored: Tensor, widths: Widths) -> Tensor:
        """The matrix."""
        assert self.part is not None
        return stored[self.part]

    def join(self, parts: Sequence[Tensor], widths: Widths) -> Tensor:
        """All of them."""
        return torch.stack(list(parts))


Layout = tuple[LayoutStep, ...]


def to_ours(stored: Tensor, layout: Layout, widths: Widths) -> Tensor:
    """Our tensor, from the file's."""
    for step in layout:
        stored = step.take(stored, widths)
    return stored


def to_theirs(parts: Sequence[tuple[Layout, Tensor]], widths: Widths) -> Tensor:
    """The file's tensor, from all of ours that it holds."""
    layout, tensor = parts[0]
    if not layout:
        return tensor
    step = layout[0]
    if isinstance(step, Turn):
        return step.give(to_theirs([(steps[1:], ours) for steps, ours in parts], widths), widths)
    assert isinstance(step, Select)
    groups: dict[Any, list[tuple[Layout, Tensor]]] = {}
    for steps, ours in parts:
        groups.setdefault(steps[0].part, []).append((steps[1:], ours))  # type: ignore[attr-defined]
    return step.join([to_theirs(groups[part], widths) for part in sorted(groups)], widths)
