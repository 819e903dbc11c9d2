"""What decoding remembers: keys and values, a row for each text and a column for each place in it."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.attention.place import Columns, Place
from eigenlm.attention.vector_codes import AsTheyAre, VectorCodes
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

    Attributes:
        codes: how vectors are kept; it may change only as long as there are none.
    """

    def __init__(self, capacity: int = 256) -> None:
        self.codes: VectorCodes = AsTheyAre()
        self._rows, self._columns, self._used = 1, capacity, 0
        self._room: tuple[Tensor, ...] = ()  # each (2, rows, G, columns, ...)
        self._dtype = torch.float32

    def append(
        self, key: Float[Tensor, "B T G K"], value: Float[Tensor, "B T G K"], place: Place
    ) -> tuple[Float[Tensor, "B S G K"], Float[Tensor, "B S G K"]]:
        """Add T tokens to B rows; return keys and values at the S columns that are in use there."""
        rows, columns = place.rows, place.columns
        parts = [self.codes.encode(x) for x in (key, value)]
        if not self._room:
            B, S = max(self._rows, rows.stop), max(self._columns, place.num_keys)
            self._room = tuple(part.new_zeros(2, B, part.shape[2], S, part.shape[3]) for part in parts[0])
            self._dtype = key.dtype
        elif rows.stop > self._rows or place.num_keys > self._columns:
            grown = 2 * self._columns if place.num_keys > self._columns else self._columns
            self.resize(max(rows.stop, self._rows), max(place.num_keys, grown))
        self._rows, self._columns = self._room[0].shape[1], self._room[0].shape[3]
        self._used = max(self._used, place.num_keys)
        for i, kept in enumerate(parts):
            for room, part in zip(self._room, kept, strict=True):
                if isinstance(columns, Columns):
                    room[i, rows][columns.row, :, columns.column] = part[columns.row, columns.token]
                else:
                    room[i, rows, :, columns] = part.transpose(1, 2)
        return self.held(place)

    def held(self, place: Place) -> tuple[Float[Tensor, "B S G K"], Float[Tensor, "B S G K"]]:
        """Keys and values at the columns that are in use in B rows, as views where they are kept as they are."""
        kept = tuple(room[:, place.rows, :, : place.num_keys] for room in self._room)
        key_BSGK, value_BSGK = self.codes.decode(kept, self._dtype).transpose(2, 3)
        return key_BSGK, value_BSGK

    def resize(self, rows: int, columns: int) -> None:
        """Have room for so many rows and columns, those in use among them."""
        self._rows, self._columns, self._used = rows, columns, min(self._used, columns)
        self._room = tuple(_resized(room, rows, columns) for room in self._room)

    def drop(self, row: int, last: int) -> None:
        """Forget a row; the last one in use takes its place."""
        for room in self._room:
            used = room[..., : self._used, :]
            if row != last:
                used[:, row] = used[:, last]
            used[:, last] = 0


def _resized(old: Tensor, rows: int, columns: int) -> Tensor:
    """Zeros where nothing was: a column without a token gets the weight 0, and 0 times NaN is NaN."""
    new = old.new_zeros(2, rows, old.shape[2], columns, old.shape[4])
    kept = old[:, :rows, :, :columns]
    new[:, : kept.shape[1], :, : kept.shape[3]] = kept
    return new


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

    def keep(self, codes: VectorCodes) -> None:
        """Keep keys and values in this form from now on; of an empty state."""
        for layer in (*self.layers, *self.cross):
            if isinstance(layer, KeyValueState):
                layer.codes = codes

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
