"""What an attention kind is: a config that builds a layer, and a layer that gives each token something of the others.

A kind is one file here: its config (a subclass of `AttentionConfig` that names its `kind`), its layer, and a line in
`eigenlm.attention`, so that the file is read. `tests/contracts/test_attention_kinds.py` then tests it.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.attention.place import Place
from eigenlm.attention.state import AttentionState
from eigenlm.norms import NormConfig
from eigenlm.tagged import Tagged


class Attention(nn.Module):
    """A layer in which tokens take from one another.

    Attributes:
        output: its last linear layer, which writes to the residual stream.
    """

    output: nn.Module

    @abstractmethod
    def forward(self, x: Float[Tensor, "B T D"], place: Place, state: Any = None) -> Float[Tensor, "B T D"]:
        """What each token takes; with a state, from the tokens it remembers as well, and it then remembers these too.

        Args:
            x: (B, T, D) the tokens.
            place: where they stand.
            state: what `new_state` gave, and earlier calls filled.
        """

    @abstractmethod
    def new_state(self, capacity: int) -> AttentionState:
        """An empty memory for decoding, with room for `capacity` tokens; it grows when more come.

        It keeps a row for each text (`Place.rows`).
        """


@dataclass(frozen=True, kw_only=True)
class AttentionConfig(Tagged):
    """Which kind of attention, and its sizes."""

    def check(self) -> None:
        """Refuse sizes that make no layer.

        Raises:
            ConfigError: there are some.
        """

    @property
    @abstractmethod
    def kept_per_token(self) -> tuple[int, int]:
        """How many vectors a state keeps of each token, and how many numbers each has."""

    @property
    def changes_beyond(self) -> int | None:
        """Tokens of a text beyond which all that a state keeps of it has to be made anew; None for never."""
        return None

    @abstractmethod
    def build(self, d_model: int, norm: NormConfig) -> Attention:
        """The layer, for tokens of width `d_model`; `norm` is that of the block it stands in."""
