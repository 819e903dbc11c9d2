"""What one layer of a transformer is made of."""

from dataclasses import dataclass, field
from typing import Literal

from eigenlm.attention import AttentionConfig, SoftmaxConfig
from eigenlm.errors import ConfigError, explain
from eigenlm.model.feed_forward import FeedForwardConfig
from eigenlm.norms import NormConfig


@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """Attention, feed-forward, and how both join the residual stream.

    Attributes:
        attention: of the tokens to one another.
        cross_attention: to an encoder's output; None for none.
        feed_forward: each token by itself.
        norm: which norm.
        norm_position: for each part f: `pre` x + f(norm(x)); `post` norm(x + f(x)), as in 2017; `output`
            x + norm(f(x)) (OLMo 2); `sandwich` x + norm(f(norm(x))) (Gemma 2).
        attention_norm: whether attention has its norm before it; ModernBERT's first layer has none.
        parallel: attention and feed-forward read the same x, x + f(norm(x)) + g(norm(x)) (GPT-NeoX); with `one_norm`
            both read one normed x (Phi). None for one after the other.
        residual_scale: what each part adds is multiplied by it (Granite).
    """

    attention: AttentionConfig
    feed_forward: FeedForwardConfig
    cross_attention: SoftmaxConfig | None = None
    norm: NormConfig = field(default_factory=NormConfig)
    norm_position: Literal["pre", "post", "output", "sandwich"] = "pre"
    attention_norm: bool = True
    parallel: Literal["two_norms", "one_norm"] | None = None
    residual_scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what makes no layer."""
        self.attention.check()
        self.feed_forward.check()
        if self.cross_attention is not None:
            self.cross_attention.check()
        if self.parallel is not None and (self.norm_position != "pre" or self.cross_attention is not None):
            expected = "norm_position 'pre' and no cross-attention"
            raise ConfigError(explain("parallel residuals", expected=expected, got=self.norm_position))
