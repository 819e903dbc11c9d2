"""The feed-forward half of a block: each token by itself."""

from abc import abstractmethod
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.errors import ConfigError, explain
from eigenlm.linear import DenseLinear
from eigenlm.model.activations import ACTIVATIONS, check_activation, gate_of
from eigenlm.tagged import Tagged


@dataclass(frozen=True, kw_only=True)
class FeedForwardConfig(Tagged):
    """Which kind of feed-forward layer."""

    @abstractmethod
    def check(self) -> None:
        """Refuse sizes that make no layer.

        Raises:
            ConfigError: there are some.
        """

    @abstractmethod
    def build(self, d_model: int) -> nn.Module:
        """The layer, for tokens of width `d_model`."""


@dataclass(frozen=True, kw_only=True)
class DenseFeedForward(FeedForwardConfig):
    """One layer for all tokens.

    Attributes:
        d_ff: F, the inner width.
        activation: `relu` (arXiv:1706.03762), `gelu` (exact, arXiv:1606.08415), `gelu_tanh` (GPT-2's approximation),
            `silu`, or another of `ACTIVATIONS`.
        gated: whether the activation is that of a gate, which multiplies the other branch (arXiv:2002.05202; with
            `silu`, SwiGLU).
        bias: whether its matrices have one.
    """

    kind = "dense"

    d_ff: int
    activation: str = "gelu"
    gated: bool = False
    bias: bool = True

    def check(self) -> None:
        """Refuse sizes that make no layer."""
        if self.d_ff < 1:
            raise ConfigError(explain("feed_forward.d_ff", expected="at least 1", got=self.d_ff))
        check_activation(self.activation, gated=self.gated)

    def build(self, d_model: int) -> nn.Module:
        """The layer."""
        return GatedFeedForward(self, d_model) if self.gated else FeedForward(self, d_model)


class FeedForward(nn.Module):
    """down(act(up x))."""

    def __init__(self, config: DenseFeedForward, d_model: int) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[config.activation]
        self.up = DenseLinear(d_model, config.d_ff, config.bias)
        self.down = DenseLinear(config.d_ff, d_model, config.bias)

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        """Each token by itself."""
        return self.down(self.activation(self.up(x)))


class GatedFeedForward(nn.Module):
    """down(act(gate x) * up x)."""

    def __init__(self, config: DenseFeedForward, d_model: int) -> None:
        super().__init__()
        self.gating = gate_of(config.activation)
        self.gate = DenseLinear(d_model, config.d_ff, config.bias)
        self.up = DenseLinear(d_model, config.d_ff, config.bias)
        self.down = DenseLinear(config.d_ff, d_model, config.bias)

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        """Each token by itself."""
        return self.down(self.gating(self.gate(x), self.up(x)))
