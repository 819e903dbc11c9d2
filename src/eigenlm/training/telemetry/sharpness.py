"""The largest eigenvalue of the loss's Hessian, by products with vectors alone.

Along an eigenvector of value lambda, gradient descent with learning rate eta multiplies the distance from the minimum
by 1 - eta lambda, and diverges when lambda > 2 / eta; full-batch training drifts up to that edge and hovers there
(arXiv:2103.00065). Momentum beta moves the edge to (2 + 2 beta) / eta, and Adam's divisor changes the matrix whose
eigenvalue counts (arXiv:2207.14484), so there 2 / eta is a mark to compare with, not a verdict.
"""

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor

from eigenlm.curvature.hessian import Hessian
from eigenlm.curvature.parameters import twice_differentiable
from eigenlm.linalg.lanczos import TopEigenvalue, top_eigenvalue
from eigenlm.linalg.power_iteration import unit_vector


def sharpness(
    loss: Callable[[], Float[Tensor, ""]],
    parameters: Sequence[Tensor],
    *,
    rel_residual: float = 1e-2,
    max_products: int = 50,
) -> TopEigenvalue:
    """lambda_max of the Hessian of `loss` in `parameters`, by products as `curvature.Hessian` makes them.

    Nothing random: every call with the same weights gives the same number.

    Args:
        loss: the mean loss of a fixed batch with the current weights; all of it must have a second derivative.
        parameters: the variables; not sharded over ranks.
        rel_residual: as in `top_eigenvalue`.
        max_products: as in `top_eigenvalue`.
    """
    H = Hessian([loss], parameters)
    start = unit_vector(H.n, seed=0, like=parameters[0])
    with twice_differentiable(parameters):  # no autocast of Lanczos' own inner products either
        return top_eigenvalue(H.product, start, rel_residual=rel_residual, max_products=max_products)
