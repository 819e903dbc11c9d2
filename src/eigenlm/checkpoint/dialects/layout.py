"""How a file lays out what is one matrix here: turned, fused with others, in another order of rows, or stacked.

A layout is a chain of steps, from the file's tensor to ours. A step that selects gives one of several parts; the parts
of one tensor are put together again when a file is written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eigenlm.attention import SoftmaxConfig
from eigenlm.errors import ConfigError, explain
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


@dataclass(frozen=True)
class Turn:
    """A step that loses nothing.

    Attributes:
        take: our side of the step, from the file's.
        give: the file's side of the step, from ours.
    """

    take: Callable[[Tensor, Widths], Tensor]
    give: Callable[[Tensor, Widths], Tensor]


def _turned(matrix: Tensor, widths: Widths) -> Tensor:
    return matrix.mT if matrix.dim() > 1 else matrix


TRANSPOSED = Turn(_turned, _turned)  # a matrix is stored as (in, out); vectors are as they are
ONE_ROW = Turn(lambda stored, _: stored.squeeze(0), lambda ours, _: ours[None])  # a vector, as a matrix of one row
FACTORS_OF_A_NORM = Turn(lambda stored, _: stored - 1, lambda ours, _: ours + 1)  # kept here less 1
# Rows of each head are stored as 0, K/2, 1, K/2 + 1, ..., the order of GGML's rotation.
PAIRS = Turn(
    lambda stored, widths: stored.unflatten(0, (-1, widths.head_dim // 2, 2)).transpose(1, 2).flatten(0, 2),
    lambda ours, widths: ours.unflatten(0, (-1, 2, widths.head_dim // 2)).transpose(1, 2).flatten(0, 2),
)


@dataclass(frozen=True)
class Select:
    """A step to one of several parts.

    Attributes:
        part: its number in the order in which they are put together; None in a table of names, for the number in ours.
        take: the part of that number, from the file's tensor.
        join: the file's tensor, from all parts in their order.
    """

    part: int | None
    take: Callable[[Tensor, int, Widths], Tensor]
    join: Callable[[Sequence[Tensor], Widths], Tensor]


def rows_of(name: str, modules: tuple[str, ...]) -> Select:
    """The rows of one module, in a matrix that holds those of several one after the other."""
    return Select(
        modules.index(name),
        lambda stored, part, widths: stored.split([widths.rows[module] for module in modules], dim=0)[part],
        lambda parts, widths: torch.cat(list(parts), dim=0),
    )


def _joined_heads(parts: Sequence[Tensor], widths: Widths) -> Tensor:
    if any(part.shape != parts[0].shape for part in parts):
        raise ConfigError(explain("naming heads in one matrix", expected="as many keys as queries", got="fewer"))
    return torch.stack([part.unflatten(0, (-1, widths.head_dim)) for part in parts], dim=1).flatten(0, 2)


def head_rows(part: int) -> Select:
    """The rows of query (0), key (1) or value (2), in a matrix that holds all three for each head."""
    return Select(
        part,
        lambda stored, part, widths: stored.unflatten(0, (-1, 3, widths.head_dim))[:, part].flatten(0, 1),
        _joined_heads,
    )


def every_other_row(part: int) -> Select:
    """The rows of gates (0) or of the other branch (1), by turns."""
    return Select(
        part,
        lambda stored, part, _: stored[part::2],
        lambda parts, _: torch.stack(list(parts), dim=1).flatten(0, 1),
    )


# One of several equal matrices in one tensor.
STACKED = Select(None, lambda stored, part, _: stored[part], lambda parts, _: torch.stack(list(parts)))


Layout = tuple[Turn | Select, ...]


def to_ours(stored: Tensor, layout: Layout, widths: Widths) -> Tensor:
    """Our tensor, from the file's."""
    for step in layout:
        if isinstance(step, Turn):
            stored = step.take(stored, widths)
        else:
            assert step.part is not None
            stored = step.take(stored, step.part, widths)
    return stored


def to_theirs(parts: Sequence[tuple[Layout, Tensor]], widths: Widths) -> Tensor:
    """The file's tensor, from all of ours that it holds."""
    layout, tensor = parts[0]
    if not layout:
        return tensor
    step = layout[0]
    if isinstance(step, Turn):
        return step.give(to_theirs([(steps[1:], ours) for steps, ours in parts], widths), widths)
    groups: dict[Any, list[tuple[Layout, Tensor]]] = {}
    for steps, ours in parts:
        groups.setdefault(steps[0].part, []).append((steps[1:], ours))  # type: ignore[union-attr]
    return step.join([to_theirs(groups[part], widths) for part in sorted(groups)], widths)
