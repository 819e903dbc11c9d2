"""What decoding remembers: keys and values of the tokens so far."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor


class LayerState:
    """Keys and values of one attention layer, in room that doubles when it runs out."""

    def __init__(self, capacity: int = 256) -> None:
        self._capacity = capacity
        self._length = 0
        self._room: Tensor | None = None

    def append(
        self, key: Float[Tensor, "B T G K"], value: Float[Tensor, "B T G K"]
    ) -> tuple[Float[Tensor, "B S G K"], Float[Tensor, "B S G K"]]:
        """Add T tokens; return keys and values of all S tokens so far, as views."""
        end = self._length + key.shape[1]
        if self._room is None or end > self._room.shape[3]:
            self._grow(max(end, 2 * self._length, self._capacity), key)
        assert self._room is not None
        self._room[0, :, :, self._length : end] = key.transpose(1, 2)
        self._room[1, :, :, self._length : end] = value.transpose(1, 2)
        self._length = end
        return self.keys_and_values()

    def keys_and_values(self) -> tuple[Float[Tensor, "B S G K"], Float[Tensor, "B S G K"]]:
        """Keys and values of all tokens so far."""
        assert self._room is not None, "nothing was appended"
        key_BSGK, value_BSGK = self._room[:, :, :, : self._length].transpose(2, 3)
        return key_BSGK, value_BSGK

    @property
    def is_empty(self) -> bool:
        """Whether nothing was appended yet."""
        return self._length == 0

    def _grow(self, capacity: int, like_BTGK: Tensor) -> None:
        B, _, G, K = like_BTGK.shape
        room = like_BTGK.new_empty(2, B, G, capacity, K)
        if self._room is not None:
            room[:, :, :, : self._length] = self._room[:, :, :, : self._length]
        self._room = room


@dataclass
class DecodingState:
    """What a transformer remembers between steps: one `LayerState` a layer, and the positions of the tokens.

    Attributes:
        layers: of the self-attention.
        cross: of the attention to an encoder's output, filled once; empty for a decoder alone.
        positions: (B, S) places of the tokens so far, -1 for padding.
    """

    layers: list[LayerState]
    cross: list[LayerState] = field(default_factory=list)
    positions: Int[Tensor, "B S"] | None = None

    def advance(self, positions: Int[Tensor, "B T"]) -> Int[Tensor, "B S"]:
        """Note the positions of new tokens; return those of all."""
        self.positions = positions if self.positions is None else torch.cat([self.positions, positions], dim=1)
        return self.positions
