"""The feed-forward half of a block."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.linear import DenseLinear

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "swiglu": F.silu,
}


@dataclass(frozen=True, kw_only=True)
class FeedForwardConfig:
    """Width and form of the feed-forward layer.

    Attributes:
        d_ff: F, the inner width.
        activation: `relu` (arXiv:1706.03762), `gelu` (exact, arXiv:1606.08415), `gelu_tanh` (GPT-2's approximation),
            or `swiglu`, silu of a gate times the other branch (arXiv:2002.05202).
        bias: whether its matrices have one.
    """

    d_ff: int
    activation: Literal["relu", "gelu", "gelu_tanh", "swiglu"] = "gelu"
    bias: bool = True


class FeedForward(nn.Module):
    """down(act(up x)), or down(silu(gate x) * up x) for SwiGLU."""

    def __init__(self, config: FeedForwardConfig, d_model: int) -> None:
        super().__init__()
        self.activation = _ACTIVATIONS[config.activation]
        self.gate = DenseLinear(d_model, config.d_ff, config.bias) if config.activation == "swiglu" else None
        self.up = DenseLinear(d_model, config.d_ff, config.bias)
        self.down = DenseLinear(config.d_ff, d_model, config.bias)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Each token by itself."""
        if self.gate is None:
            return self.down(self.activation(self.up(x)))
        return self.down(self.activation(self.gate(x)) * self.up(x))
