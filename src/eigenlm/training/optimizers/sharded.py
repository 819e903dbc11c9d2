"""Whole tensors from sharded ones (FSDP2's DTensor) and back, for rules that need a whole matrix."""

from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor: gathered from its ranks if it is sharded, else itself."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(tensor: Tensor, reference: Tensor) -> Tensor:
    """This rank's part of a tensor that every rank has whole, laid out as `reference`; nothing is sent."""
    if not isinstance(reference, DTensor):
        return tensor
    return distribute_tensor(tensor, reference.device_mesh, reference.placements, src_data_rank=None)
