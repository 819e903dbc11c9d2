"""What decoding remembers: keys and values of the tokens so far, each at the column of its place in its text."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.attention.place import Columns, Place


class KeyValueState:
    """Keys and values of one attention layer, in room that doubles when it runs out."""

    def __init__(self, capacity: int = 256) -> None:
        self._capacity = capacity
        self._room: Tensor | None = None

    def append(
        self, key: Float[Tensor, "B T G K"], value: Float[Tensor, "B T G K"], place: Place
    ) -> tuple[Float[Tensor, "B S G K"], Float[Tensor, "B S G K"]]:
        """Add T tokens; return keys and values at the S columns that are in use, as views."""
        if self._room is None or place.num_keys > self._room.shape[3]:
            held = 0 if self._room is None else self._room.shape[3]
            self._grow(max(place.num_keys, 2 * held, self._capacity), key)
        assert self._room is not None
        columns = place.columns
        if isinstance(columns, slice):
            self._room[0, :, :, columns] = key.transpose(1, 2)
            self._room[1, :, :, columns] = value.transpose(1, 2)
        elif columns is not None:
            self._room[0, columns.row, :, columns.column] = key[columns.row, columns.token]
            self._room[1, columns.row, :, columns.column] = value[columns.row, columns.token]
        key_BSGK, value_BSGK = self._room[:, :, :, : place.num_keys].transpose(2, 3)
        return key_BSGK, value_BSGK

    def _grow(self, capacity: int, like_BTGK: Tensor) -> None:
        B, _, G, K = like_BTGK.shape
        # Zeros, because a column without a token gets the weight 0, and 0 times NaN is NaN.
        room = like_BTGK.new_zeros(2, B, G, capacity, K)
        if self._room is not None:
            room[:, :, :, : self._room.shape[3]] = self._room
        self._room = room


class MemoryState:
    """Keys and values of an encoder's output, made once."""

    def __init__(self) -> None:
        self.key_value: tuple[Tensor, Tensor] | None = None


class DecodingState:
    """What a transformer remembers between steps.

    Attributes:
        layers: what each self-attention keeps.
        cross: what each attention to an encoder's output keeps; empty for a decoder alone.
        length: columns in use.
    """

    def __init__(self, layers: list[KeyValueState], cross: list[MemoryState]) -> None:
        self.layers, self.cross = layers, cross
        self.length = 0
        self._positions: Int[Tensor, "B S"] | None = None  # of the columns, once rows differ

    def follow(self, B: int, T: int, device: torch.device, *, causal: bool) -> Place:
        """The place of T tokens that follow what each row holds."""
        if self._positions is not None:
            ends = self._positions.amax(dim=1, keepdim=True) + 1
            return self.take(ends + torch.arange(T, device=device), causal=causal)
        start, self.length = self.length, self.length + T
        positions = torch.arange(start, self.length, device=device).expand(B, T)
        return Place(positions, causal=causal, columns=slice(start, self.length), num_keys=self.length)

    def take(self, positions: Int[Tensor, "B T"], *, causal: bool, longest: int | None = None) -> Place:
        """The place of tokens whose positions are given, -1 for padding, which is not kept.

        Args:
            positions: (B, T) places in the texts.
            causal: whether the future is hidden.
            longest: tokens of the longest row from now on, where it is known without asking the device.
        """
        B = len(positions)
        longest = int(positions.max()) + 1 if longest is None else longest
        before, self.length = self.length, max(self.length, longest)
        if self._positions is None or self._positions.shape[1] < self.length:
            self._widen(B, before, positions.device)
        assert self._positions is not None
        row, token = (positions >= 0).nonzero(as_tuple=True)
        column = positions[row, token]
        self._positions[row, column] = column
        known_BS = self._positions[:, : self.length]
        return Place(
            positions,
            causal=causal,
            key_positions=known_BS,
            columns=Columns(row, token, column),
            num_keys=self.length,
        )

    def _widen(self, B: int, before: int, device: torch.device) -> None:
        wide = torch.full((B, 2 * self.length), -1, device=device)
        if self._positions is None:  # until now all rows were alike
            wide[:, :before] = torch.arange(before, device=device)
        else:
            wide[:, : self._positions.shape[1]] = self._positions
        self._positions = wide

    def is_followed_by(self, positions: Int[Tensor, "B T"]) -> bool:
        """Whether all rows are alike, and the tokens at these positions come next in each."""
        if self._positions is not None:
            return False
        return torch.equal(positions, following(self.length, positions))


def following(start: int, positions: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
    """start, start + 1, ... in each row, as many as there are positions."""
    return torch.arange(start, start + positions.shape[1], device=positions.device).expand_as(positions)
