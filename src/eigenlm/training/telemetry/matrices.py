"""The matrices of a model under their stable names, whole even where ranks share them."""

import math
import re

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from eigenlm.errors import ConfigError, explain

# What torch.compile, DistributedDataParallel and activation checkpointing put before a name.
_WRAPPERS = re.compile(r"(^|\.)(_orig_mod|module|_checkpoint_wrapped_module)(?=\.)")


def trained_matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    """Every two-dimensional parameter that is trained, by the name of its layer: `blocks.3.attention.query`.

    Names are those of the bare model, however it is wrapped or compiled. A matrix that two layers share comes once.

    Raises:
        ConfigError: the model has none.
    """
    found = {
        _WRAPPERS.sub(r"\1", f".{name}").replace("..", ".").strip(".").removesuffix(".weight"): parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2 and parameter.requires_grad
    }
    if not found:
        raise ConfigError(explain("telemetry", expected="a model with trained matrices", got="none"))
    return found


def whole(tensor: Tensor) -> Tensor:
    """The full tensor of one that ranks share (a collective call), or the tensor itself; without its gradient."""
    tensor = tensor.detach()
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def norm(tensor: Tensor) -> Tensor:
    """The Frobenius norm, in at least float32; of a shared tensor, over all ranks."""
    tensor = tensor.detach()
    return whole(torch.linalg.vector_norm(tensor, dtype=torch.promote_types(tensor.dtype, torch.float32)))


def number(value: float) -> float | None:
    """A float for JSON, which has neither NaN nor infinity."""
    return value if math.isfinite(value) else None


def ratio(above: float, below: float) -> float | None:
    """The quotient, or None where it is no finite number."""
    return number(above / below) if below else None
