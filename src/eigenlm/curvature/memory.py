"""How much memory second derivatives will take, before they take it."""

import psutil
import torch
from rich.filesize import decimal
from torch import Tensor

from eigenlm.curvature.objective import Objective
from eigenlm.curvature.parameters import parameters_of, twice_differentiable
from eigenlm.errors import ConfigError, explain

# What the graph of a gradient keeps, over what the forward pass keeps for its backward: 2.1 for the Gauss-Newton
# matrix of SmolLM2 and 3.3 for its Hessian.
_GRAPH = 3.5
# Vectors that a product holds at once: what is multiplied, its result, the gradients of which that is made.
_VECTORS = 4


def needed_memory(objective: Objective) -> int:
    """Bytes that products with the curvature take, beside the module itself: a graph for each part, and some vectors.

    What a forward pass keeps is counted on the first part and taken for all others.

    Args:
        objective: whose curvature it is.
    """
    parameters = list(parameters_of(objective.module).values())
    own = {p.untyped_storage().data_ptr() for p in parameters}
    kept: dict[int, int] = {}

    def pack(saved: Tensor) -> Tensor:
        place = saved.untyped_storage().data_ptr()
        if place not in own:  # a tensor may be saved more than once, and in parts
            kept[place] = max(kept.get(place, 0), saved.numel() * saved.element_size())
        return saved

    with twice_differentiable(parameters), torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved):
        loss = objective.term(objective.parts[0])
    del loss
    of_vector = sum(p.numel() * p.element_size() for p in parameters)
    graphs = int(_GRAPH * sum(kept.values())) * len(objective.parts)
    return graphs + _VECTORS * of_vector


def free_memory(device: torch.device) -> int:
    """Bytes that can be had on a device without anybody giving way."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def check_memory(needed: int, device: torch.device, what: str) -> None:
    """Refuse what would not fit.

    Args:
        needed: bytes, predicted.
        device: where they are needed.
        what: for the message.

    Raises:
        ConfigError: less is free.
    """
    free = free_memory(device)
    if needed > free:
        do = "give fewer or shorter windows, ask for fewer eigenvalues, or take a smaller model"
        expected = f"{decimal(needed)} of free memory"
        raise ConfigError(explain(what, expected=expected, got=decimal(free), do=do))
