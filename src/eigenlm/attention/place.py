"""Where tokens stand: all that a layer is told of them, from which each makes the mask and the rotation it needs."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Int
from torch import Tensor

from eigenlm.attention.rotary import RotaryConfig, Rotation, rotation
from eigenlm.attention.visibility import Visibility, visibility

T_ = TypeVar("T_")


class Columns(NamedTuple):
    """Where in a state's room the tokens of rows of unequal length go.

    Attributes:
        row: of each real token, counted from the first of the place's rows.
        token: its number among the new tokens of the row.
        column: its place in the text.
    """

    row: Int[Tensor, " tokens"]
    token: Int[Tensor, " tokens"]
    column: Int[Tensor, " tokens"]


@dataclass(eq=False)
class Place:
    """The places of (B, T) tokens in one forward pass.

    Attributes:
        positions: (B, T) places in the texts, -1 for padding.
        causal: whether a token is hidden from those before it.
        documents: (B, T) the document of each token; it sees those of its own alone.
        key_positions: (B, S) places of the keys where rows are of unequal length; None where T tokens are the last of
            `num_keys` that follow one another.
        rows: of a state's room that the B texts lie in.
        columns: of that room where the tokens are kept.
        num_keys: S.
    """

    positions: Int[Tensor, "B T"]
    causal: bool
    documents: Int[Tensor, "B T"] | None = None
    key_positions: Int[Tensor, "B S"] | None = None
    rows: slice = field(default_factory=lambda: slice(0, 0))
    columns: slice | Columns = field(default_factory=lambda: slice(0, 0))
    num_keys: int = 0
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def once(self, key: Hashable, make: Callable[[], T_]) -> T_:
        """What `make` gives, made at the first call with `key` in this forward pass and kept for the others."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def visible(self, window: int | None = None) -> Visibility:
        """What the tokens may look at."""
        return self.once(("visible", window), lambda: self._visible(window))

    def rotation(self, config: RotaryConfig, head_dim: int, dtype: torch.dtype) -> Rotation:
        """How queries and keys of the tokens are turned."""
        # By identity: layers of one pattern share their config, and hashing its factors takes longer than turning.
        key = ("turn", id(config), head_dim, dtype)
        return self.once(key, lambda: rotation(self.positions.clamp(min=0), config, head_dim, dtype))

    def _visible(self, window: int | None) -> Visibility:
        if self.key_positions is None and self.documents is None:
            return Visibility(causal=self.causal, window=window)
        keys = self.positions if self.key_positions is None else self.key_positions
        return visibility(self.positions, keys, causal=self.causal, window=window, documents=self.documents)
