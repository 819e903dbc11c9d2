"""Fully sharded data parallel: each rank stores a part of every parameter, gradient and moment."""

from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard

from eigenlm.model.block import Block


def shard_(module: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Shard every block by itself, and what is left (embedding, last norm, head) with the module (FSDP2).

    A block's parameters are gathered when it runs; the rest stays gathered from the module's forward to its backward,
    so that a tied head may use the embedding. Source: arXiv:2304.11277, per-parameter as in pytorch issue 114299.
    """
    for part in module.modules():
        if isinstance(part, Block):
            fully_shard(part, mesh=mesh)
    fully_shard(module, mesh=mesh)
    return module
