"""How much memory second derivatives will take, before they take it."""

import torch
from torch import Tensor

from eigenlm.curvature.objective import Objective
from eigenlm.curvature.parameters import parameters_of, twice_differentiable

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
