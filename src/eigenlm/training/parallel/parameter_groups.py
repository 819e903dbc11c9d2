"""Parameter groups that torch's optimizers can take in one call."""

from typing import Any

from torch import Tensor
from torch.distributed.tensor import DTensor


def one_mesh_a_group(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Split groups so that none mixes plain tensors with DTensors, or DTensors of different meshes.

    Fused and foreach steps take a whole group at once, and refuse a mixture. Order and all options stay.

    Args:
        groups: as an optimizer takes them, parameters under `params`.
    """
    split = []
    for group in groups:
        alike: dict[Any, list[Tensor]] = {}
        for parameter in group["params"]:
            mesh = parameter.device_mesh if isinstance(parameter, DTensor) else None
            alike.setdefault(mesh, []).append(parameter)
        split += [{**group, "params": parameters} for parameters in alike.values()]
    return split
