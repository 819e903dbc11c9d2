"""Attention of a decoder to an encoder's output."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from eigenlm.attention.place import Place
from eigenlm.attention.softmax import MultiHeadAttention
from eigenlm.attention.state import KeyValueState
from eigenlm.attention.visibility import Visibility


@dataclass(frozen=True)
class Memory:
    """An encoder's output and which of its places a decoder may look at.

    Attributes:
        hidden: (B, S, D) the output; None where a state holds the keys and values made of it.
        visible: what may be looked at.
        place: where a state keeps them.
    """

    hidden: Float[Tensor, "B S D"] | None
    visible: Visibility
    place: Place


class CrossAttention(MultiHeadAttention):
    """Softmax attention with queries from the decoder, keys and values from the encoder."""

    def forward(  # type: ignore[override]
        self, x: Float[Tensor, "B T D"], memory: Memory, state: KeyValueState | None = None
    ) -> Float[Tensor, "B T D"]:
        """What each token takes from the memory; a state keeps the memory's keys and values for the next tokens."""
        query_BTHK = self._heads(self.query(x), self.query_norm)
        return self.output(self.softmax(query_BTHK, *self._keys_values(memory, state), memory.visible).flatten(2))

    def _keys_values(self, memory: Memory, state: KeyValueState | None) -> tuple[Tensor, Tensor]:
        if memory.hidden is None:
            assert state is not None
            return state.held(memory.place)
        key_BSGK, value_BSGK = (
            self._heads(self.key(memory.hidden), self.key_norm),
            self._heads(self.value(memory.hidden)),
        )
        return (key_BSGK, value_BSGK) if state is None else state.append(key_BSGK, value_BSGK, memory.place)

    def new_state(self, capacity: int) -> KeyValueState:
        """Room for the memory's keys and values."""
        return KeyValueState(capacity)
