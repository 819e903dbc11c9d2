"""Softmax attention to near keys alone: work linear in the length of the text."""

from dataclasses import dataclass

from eigenlm.attention.contract import Attention
from eigenlm.attention.softmax import SelfAttention, SoftmaxConfig
from eigenlm.errors import ConfigError, explain
from eigenlm.norms import NormConfig


@dataclass(frozen=True, kw_only=True)
class SlidingWindowConfig(SoftmaxConfig):
    """Softmax attention with a window; source: arXiv:2004.05150, section 3.1.

    Attributes:
        window: causal: the latest so many keys, the query's own included; in an encoder, keys at most window / 2 places
            away.
    """

    kind = "sliding_window"

    window: int = 128

    def check(self) -> None:
        """Refuse sizes that make no layer."""
        super().check()
        if self.window < 1:
            raise ConfigError(explain("attention.window", expected="at least 1", got=self.window))

    def build(self, d_model: int, norm: NormConfig) -> Attention:
        """The layer."""
        layer = SelfAttention(self, d_model, norm)
        layer.window = self.window
        return layer
