"""The Hessian of a loss as an operator: products with vectors by differentiating twice."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from eigenlm.curvature.objective import Objective
from eigenlm.curvature.parameters import add_joined_, common_precision, parameters_of, split, twice_differentiable
from eigenlm.linalg.symmetric_operator import SymmetricOperator


def hessian(objective: Objective, names: Sequence[str] | None = None, *, keep_graph: bool = True) -> "Hessian":
    """The Hessian of an objective in some parameters; those of one matrix give its diagonal block.

    Args:
        objective: the mean loss of a fixed batch.
        names: of parameters, in the order of the vector; all by default.
        keep_graph: as in `Hessian`.
    """
    return Hessian(objective.terms(), list(parameters_of(objective.module, names).values()), keep_graph=keep_graph)


class Hessian(SymmetricOperator):
    """H v = grad <grad f, v> of f = sum of losses (Pearlmutter 1994), in the parameters joined to one vector.

    The graph of the gradient is built once, for the weights as they are then, and kept for all products: about three
    times the memory of a training step on the same batch. A product is then six products of matrices for each one of
    the forward pass, and not eight. Without `keep_graph` each product builds it anew, a loss at a time.

    Args:
        losses: functions without arguments, each of which gives one summand of f; twice differentiable.
        parameters: all in float32 or all in float64; not sharded over ranks.
        keep_graph: trade memory for time.

    Raises:
        ConfigError: parameters in half precision or of mixed types.
    """

    def __init__(
        self,
        losses: Sequence[Callable[[], Float[Tensor, ""]]],
        parameters: Sequence[Tensor],
        *,
        keep_graph: bool = True,
    ) -> None:
        dtype = common_precision(parameters)
        super().__init__(sum(p.numel() for p in parameters), dtype, parameters[0].device, "Hessian")
        self._losses, self._parameters = losses, parameters
        self._graphs = [_GradientGraph(loss, parameters) for loss in losses] if keep_graph else None

    def product(self, v: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """H v."""
        parts, Hv = split(v, self._parameters), torch.zeros_like(v)
        kept = self._graphs is not None
        for graph in self._graphs or (_GradientGraph(loss, self._parameters) for loss in self._losses):
            add_joined_(Hv, graph.along(parts, keep=kept))
        return Hv


class _GradientGraph:
    """The graph that computed a gradient; the gradient's numbers are not kept."""

    def __init__(self, loss: Callable[[], Tensor], parameters: Sequence[Tensor]) -> None:
        with twice_differentiable(parameters):
            gradients = torch.autograd.grad(loss(), parameters, create_graph=True, materialize_grads=True)
            self._parameters: list[GradientEdge] = [get_gradient_edge(p) for p in parameters]
            self._shapes = parameters
            # Parameters that the loss is linear in have a gradient that nothing changes.
            self._curved = [get_gradient_edge(g) if g.requires_grad else None for g in gradients]

    def along(self, parts: Sequence[Tensor], *, keep: bool) -> list[Tensor]:
        """The derivative of <gradient, parts> in the parameters."""
        curved = [(edge, part) for edge, part in zip(self._curved, parts) if edge is not None]
        if not curved:
            return [torch.zeros_like(p) for p in self._shapes]
        edges, along = zip(*curved)
        with twice_differentiable(self._shapes):
            found = torch.autograd.grad(edges, self._parameters, along, retain_graph=keep, allow_unused=True)
        return [torch.zeros_like(p) if h is None else h for p, h in zip(self._shapes, found)]
