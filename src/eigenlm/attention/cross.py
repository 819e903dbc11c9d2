"""Attention of a decoder to an encoder's output."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from eigenlm.attention.softmax import MultiHeadAttention
from eigenlm.attention.state import MemoryState
from eigenlm.attention.visibility import Visibility


@dataclass(frozen=True)
class Memory:
    """An encoder's output and which of its places a decoder may look at."""

    hidden: Float[Tensor, "B S D"]
    visible: Visibility


class CrossAttention(MultiHeadAttention):
    """Softmax attention with queries from the decoder, keys and values from the encoder."""

    def forward(  # type: ignore[override]
        self, x: Float[Tensor, "B T D"], memory: Memory, state: MemoryState | None = None
    ) -> Float[Tensor, "B T D"]:
        """What each token takes from the memory; a state keeps the memory's keys and values for the next tokens."""
        key_value = None if state is None else state.key_value
        if key_value is None:
            key_value = (
                self._heads(self.key(memory.hidden), self.key_norm),
                self._heads(self.value(memory.hidden)),
            )
            if state is not None:
                state.key_value = key_value
        query_BTHK = self._heads(self.query(x), self.query_norm)
        return self.output(self.softmax(query_BTHK, *key_value, memory.visible).flatten(2))

    def new_state(self, capacity: int) -> Any:
        """Nothing yet."""
        return MemoryState()
