"""Gradients whose parts lie on several ranks: their norm, and when they are exchanged."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor, Partial, Replicate
from torch.distributed.tensor.placement_types import Placement
from torch.nn.parallel import DistributedDataParallel

from eigenlm.machine.kernels import norms, scale_all_

_Spread = tuple[DeviceMesh, tuple[Placement, ...]]


@contextmanager
def gradients_summed(module: nn.Module, *, now: bool) -> Iterator[None]:
    """Exchange gradients in the backward passes of this block, or let each rank add up its own until a later one.

    Args:
        module: what `parallelize_` gave.
        now: True for the last micro-batch of a step. The others may say True as well: right, but slower.
    """
    if isinstance(module, FSDPModule):
        module.set_requires_gradient_sync(now)
        yield
    elif isinstance(module, DistributedDataParallel) and not now:
        with module.no_sync():
            yield
    else:
        yield


def gradient_norm(parameters: Iterable[Tensor]) -> Float[Tensor, ""]:
    """sqrt(sum of g^2) over all parameters and ranks, in one exchange for each way that gradients are spread."""
    local: dict[_Spread | None, list[Tensor]] = {}
    for parameter in parameters:
        gradient = parameter.grad
        if isinstance(gradient, DTensor):
            local.setdefault((gradient.device_mesh, gradient.placements), []).append(gradient.to_local())
        elif gradient is not None:
            local.setdefault(None, []).append(gradient)
    squares = [_sum_over_ranks(_sum_of_squares(parts), spread) for spread, parts in local.items()]
    return torch.stack(squares).sum().sqrt() if squares else torch.zeros(())


def clip_gradients_(parameters: Iterable[Tensor], most: float) -> Float[Tensor, ""]:
    """Scale all gradients by min(1, most / norm) and return the norm before (arXiv:1211.5063, algorithm 1)."""
    parameters = list(parameters)
    norm = gradient_norm(parameters)
    gradients = [_local(parameter.grad) for parameter in parameters if parameter.grad is not None]
    if gradients:
        scale_all_(gradients, (most / norm).clamp(max=1.0))
    return norm


def _sum_of_squares(parts: list[Tensor]) -> Tensor:
    return norms([part for part in parts if part.numel()] or [parts[0].new_zeros(1)]).square().sum()


def _sum_over_ranks(squares: Tensor, spread: _Spread | None) -> Tensor:
    if spread is None:
        return squares
    mesh, placements = spread
    assert not any(isinstance(placement, Partial) for placement in placements), "a gradient that was not summed"
    for dim, placement in enumerate(placements):
        if not isinstance(placement, Replicate):
            dist.all_reduce(squares, group=mesh.get_group(dim))
    return squares


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
