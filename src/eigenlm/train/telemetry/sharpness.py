"""The largest eigenvalue of the loss's Hessian, by products with vectors alone.

Along an eigenvector of value lambda, gradient descent with learning rate eta multiplies the distance from the minimum
by 1 - eta lambda, and diverges when lambda > 2 / eta; full-batch training drifts up to that edge and hovers there
(arXiv:2103.00065). Momentum beta moves the edge to (2 + 2 beta) / eta, and Adam's divisor changes the matrix whose
eigenvalue counts (arXiv:2207.14484), so there 2 / eta is a mark to compare with, not a verdict.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from eigenlm.linalg.lanczos import TopEigenvalue, top_eigenvalue
from eigenlm.linalg.power_iteration import unit_vector


def sharpness(
    loss: Callable[[], Float[Tensor, ""]],
    parameters: Sequence[Tensor],
    *,
    rel_residual: float = 1e-2,
    max_products: int = 50,
) -> TopEigenvalue:
    """lambda_max of the Hessian of `loss` in `parameters`, each product H v = grad <grad loss, v> (Pearlmutter 1994).

    The graph of the gradient is built once and kept for all products: about three times the memory of a training step
    on the same batch. It runs eagerly, in the parameters' precision, with attention spelt out, because torch's fused
    attention, autocast and compiled graphs cannot be differentiated twice. Nothing random: every call with the same
    weights gives the same number.

    Args:
        loss: the mean loss of a fixed batch with the current weights; all of it must have a second derivative.
        parameters: the variables; not sharded over ranks.
        rel_residual: as in `top_eigenvalue`.
        max_products: as in `top_eigenvalue`.
    """
    with ExitStack() as stack:
        for context in _twice_differentiable(parameters[0].device.type):
            stack.enter_context(context)
        gradients = torch.autograd.grad(loss(), parameters, create_graph=True, materialize_grads=True)
        curved = [gradient for gradient in gradients if gradient.requires_grad]

        def product(v: Tensor) -> Tensor:
            parts = [part for part, g in zip(_unflatten(v, parameters), gradients) if g.requires_grad]
            if not curved:
                return torch.zeros_like(v)
            Hv = torch.autograd.grad(curved, parameters, parts, retain_graph=True, materialize_grads=True)
            return torch.cat([h.flatten() for h in Hv])

        start = unit_vector(sum(p.numel() for p in parameters), seed=0, like=parameters[0])
        return top_eigenvalue(product, start, rel_residual=rel_residual, max_products=max_products)


def _twice_differentiable(device: str) -> list[AbstractContextManager]:
    contexts: list[AbstractContextManager] = [
        torch.enable_grad(),
        sdpa_kernel(SDPBackend.MATH),
        torch.autocast(device, enabled=False),
    ]
    if "torch._dynamo" in sys.modules:  # else nothing is compiled, and the import would take seconds
        contexts.append(torch.compiler.set_stance("force_eager"))
    return contexts


def _unflatten(v: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    pieces = v.split([p.numel() for p in parameters])
    return [piece.view(p.shape) for piece, p in zip(pieces, parameters)]
