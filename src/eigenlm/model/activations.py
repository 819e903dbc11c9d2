"""Activations of feed-forward layers and heads, by name."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from eigenlm.errors import ConfigError, nearest


def clamped_swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """gate * sigmoid(1.702 gate) * (up + 1), with gate at most 7 and up in [-7, 7] (gpt-oss)."""
    gate, up = gate.clamp(max=7.0), up.clamp(-7.0, 7.0)
    return gate * torch.sigmoid(1.702 * gate) * (up + 1)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "relu_squared": lambda x: F.relu(x).square(),
    "silu": F.silu,
    "tanh": torch.tanh,
}
# What a gate and the other branch become, where it is not activation(gate) * up.
GATES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"clamped_swiglu": clamped_swiglu}


def gate_of(activation: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The function of a gate and the other branch that an activation stands for."""
    if activation in GATES:
        return GATES[activation]
    return lambda gate, up: ACTIVATIONS[activation](gate) * up


def check_activation(activation: str, *, gated: bool) -> None:
    """Refuse a name that stands for nothing.

    Raises:
        ConfigError: there is no such activation; the nearest is named.
    """
    known = ACTIVATIONS | GATES if gated else ACTIVATIONS
    if activation not in known:
        raise ConfigError(nearest("activation", activation, known))
