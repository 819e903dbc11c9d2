"""What decoding remembers: keys and values, a row for each text and a column for each place in it."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.attention.place import Columns, Place
from eigenlm.errors import ShapeError, explain


@runtime_checkable
class AttentionState(Protocol):
    """What one attention layer remembers: the first rows are in use, one for each text."""

    def resize(self, rows: int, columns: int) -> None:
        """Have room for so many rows and columns, those in use among them."""

    def drop(self, row: int, last: int) -> None:
        """Forget a row; the last one in use takes its place."""


class KeyValueState:
    """Keys and values of one attention layer; columns that hold no token are zero.

    Args:
        capacity: columns there is room for at first.
    """

    def __init__(self, capacity: int = 256) -> None:
        self._rows, self._columns, self._used = 1, capacity, 0
        self._room: Tensor | None = None  # (2, rows, G, columns, K)

    def append(
        self, key: Float[Tensor, "B T G K"], value: Float[Tensor, "B T G K"], place: Place
    ) -> tuple[Float[Tensor, "B S G K"], Float[Tensor, "B S G K"]]:
        """Add T tokens to B rows; return keys and values at the S columns that are in use there, as views."""
        rows, columns = place.rows, place.columns
        if self._room is None:
            G, K = key.shape[2:]
            self._room = key.new_zeros(2, max(self._rows, rows.stop), G, max(self._columns, place.num_keys), K)
        elif rows.stop > self._rows or place.num_keys > self._columns:
            grown = 2 * self._columns if place.num_keys > self._columns else self._columns
            self.resize(max(rows.stop, self._rows), max(place.num_keys, grown))
        self._rows, self._columns = self._room.shape[1], self._room.shape[3]
        self._used = max(self._used, place.num_keys)
        if isinstance(columns, Columns):
            self._room[0, rows][columns.row, :, columns.column] = key[columns.row, columns.token]
            self._room[1, rows][columns.row, :, columns.column] = value[columns.row, columns.token]
        else:
            self._room[0, rows, :, columns] = key.transpose(1, 2)
            self._room[1, rows, :, columns] = value.transpose(1, 2)
        return self.held(place)

    def held(self, place: Place) -> tuple[Float[Tensor, "B S G K"], Float[Tensor, "B S G K"]]:
        """Keys and values at the columns that are in use in B rows, as views."""
        assert self._room is not None
        key_BSGK, value_BSGK = self._room[:, place.rows, :, : place.num_keys].transpose(2, 3)
        return key_BSGK, value_BSGK

    def resize(self, rows: int, columns: int) -> None:
        """Have room for so many rows and columns, those in use among them."""
        self._rows, self._columns, self._used = rows, columns, min(self._used, columns)
        if self._room is None:
            return
        old, (_, _, G, _, K) = self._room, self._room.shape
        # Zeros, because a column without a token gets the weight 0, and 0 times NaN is NaN.
        self._room = old.new_zeros(2, rows, G, columns, K)
        kept = old[:, :rows, :, :columns]
        self._room[:, : kept.shape[1], :, : kept.shape[3]] = kept

    def drop(self, row: int, last: int) -> None:
        """Forget a row; the last one in use takes its place."""
        if self._room is not None:
            used = self._room[..., : self._used, :]
            if row != last:
                used[:, row] = used[:, last]
            used[:, last] = 0


class DecodingState:
    """What a transformer remembers between steps: the first rows of its room are in use, each with its own length.

    Attributes:
        layers: what each self-attention keeps.
        cross: what each attention to an encoder's output keeps; empty for a decoder alone.
        lengths: tokens of each row.
    """

    def __init__(self, layers: Sequence[AttentionState], cross: Sequence[AttentionState]) -> None:
        self.layers, self.cross = layers, cross
        self.lengths: list[int] = []

    @property
    def length(self) -> int:
        """Tokens of the longest row."""
        return max(self.lengths, default=0)

    def advance(self, rows: slice, counts: Sequence[int], device: torch.device, *, causal: bool) -> Place:
        """The place of tokens that follow what some rows hold; the host knows all that it needs, and nothing is asked.

        Args:
            rows: that get new tokens; rows after those in use begin empty.
            counts: new tokens of each of them; with unequal counts, tokens are padded on the left.
            device: of the tokens.
            causal: whether the future is hidden.
        """
        self.lengths += [0] * (rows.stop - len(self.lengths))
        starts = self.lengths[rows]
        ends = self.lengths[rows] = [start + count for start, count in zip(starts, counts, strict=True)]
        T, S = max(counts), max(ends)
        if len(set(starts)) == len(set(counts)) == 1:
            positions_BT = torch.arange(S - T, S, device=device).expand(len(ends), T)
            return Place(positions_BT, causal=causal, rows=rows, columns=slice(S - T, S), num_keys=S)
        start_B1, end_B1 = torch.tensor(starts)[:, None], torch.tensor(ends)[:, None]
        positions_BT = end_B1 - T + torch.arange(T)
        positions_BT = positions_BT.where(positions_BT >= start_B1, -1)
        row, token = (positions_BT >= 0).nonzero(as_tuple=True)
        column, keys_S = positions_BT[row, token], torch.arange(S)
        return Place(
            positions_BT.to(device),
            causal=causal,
            key_positions=keys_S.where(keys_S < end_B1, -1).to(device),
            rows=rows,
            columns=Columns(row.to(device), token.to(device), column.to(device)),
            num_keys=S,
        )

    def follow(self, B: int, T: int, device: torch.device, *, causal: bool) -> Place:
        """The place of T tokens that follow what each row holds."""
        return self.advance(slice(0, B), [T] * B, device, causal=causal)

    def take(self, positions: Int[Tensor, "B T"], *, causal: bool) -> Place:
        """The place of tokens whose positions are given, -1 for padding on the left, which is not kept.

        Raises:
            ShapeError: they do not follow what the rows hold.
        """
        counts = (positions >= 0).sum(dim=1).tolist()
        before = list(self.lengths)
        place = self.advance(slice(0, len(positions)), counts, positions.device, causal=causal)
        if not torch.equal(place.positions, positions):
            self.lengths = before
            expected = "those that follow the tokens it holds, padded on the left"
            raise ShapeError(explain("positions beside a state", expected=expected, got=positions.tolist()))
        return place

    def resize(self, rows: int, columns: int, cross_columns: int = 0) -> None:
        """Have room for so many rows, and columns of self-attention and of attention to an encoder's output."""
        for layer in self.layers:
            layer.resize(rows, columns)
        for layer in self.cross:
            layer.resize(rows, cross_columns)

    def drop(self, row: int) -> None:
        """Forget a row; the last one takes its place."""
        last = len(self.lengths) - 1
        for layer in (*self.layers, *self.cross):
            layer.drop(row, last)
        self.lengths[row] = self.lengths[last]
        self.lengths.pop()
