"""The Jacobian of a map at one point, known by its products, and its singular values.

J = df/dx at x says what a small change of the input becomes at the output, and its transpose what a gradient at the
output becomes at the input. A layer's singular values are therefore the factors by which it may let gradients grow or
vanish.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm import linalg
from eigenlm.curvature.parameters import twice_differentiable
from eigenlm.errors import DataError, explain
from eigenlm.linalg.golub_kahan import SingularEnds, singular_ends
from eigenlm.linalg.power_iteration import unit_vector


class Jacobian:
    """J = df/dx (m, n) of y = f(x) at one x, both flattened; its graph is built once and serves all products.

    J^T u is one backward pass. J v is the derivative, in u, of the linear map u -> J^T u: a second backward pass
    through the first one's graph, with no new forward pass. Attention is spelt out meanwhile, because torch's fused
    kernels cannot be differentiated twice.

    Args:
        function: f, a tensor to a tensor, all of it twice differentiable.
        x: where, of any shape.

    Raises:
        DataError: f(x) is not finite.

    >>> J = Jacobian(lambda x: torch.stack([x[0] * x[1], x[0] + x[1]]), torch.tensor([2.0, 3.0]))
    >>> J.shape, J.product(torch.tensor([1.0, 0.0])).tolist(), J.transposed(torch.tensor([1.0, 0.0])).tolist()
    ((2, 2), [3.0, 1.0], [3.0, 2.0])
    """

    def __init__(self, function: Callable[[Tensor], Tensor], x: Float[Tensor, "..."]) -> None:
        self._x = x.detach().clone().requires_grad_()
        with twice_differentiable([self._x]):
            y = function(self._x) + 0 * self._x.sum()  # so that a constant has a Jacobian, which is zero
            if not bool(y.isfinite().all()):
                raise DataError(explain("Jacobian", expected="a function with finite values", got="NaN or infinity"))
            self._y, self._u = y, torch.zeros_like(y, requires_grad=True)
            (self._pulled,) = torch.autograd.grad(y, self._x, self._u, create_graph=True)
        self.shape = (y.numel(), x.numel())

    def product(self, v: Float[Tensor, " n"]) -> Float[Tensor, " m"]:
        """J v."""
        return _backward(self._pulled, self._u, v)

    def transposed(self, u: Float[Tensor, " m"]) -> Float[Tensor, " n"]:
        """J^T u."""
        return _backward(self._y, self._x, u)

    def dense(self) -> Float[Tensor, "m n"]:
        """All of J, by as many products as its smaller side."""
        m, n = self.shape
        identity = torch.eye(min(m, n), dtype=self._x.dtype, device=self._x.device)
        if n <= m:
            return torch.stack([self.product(e) for e in identity], dim=1)
        return torch.stack([self.transposed(e) for e in identity])

    def singular_values(self) -> Float64[Tensor, " r"]:
        """All min(m, n) of them, descending, from the dense matrix."""
        return linalg.singular_values(self.dense())

    def singular_ends(
        self, *, largest: int = 1, smallest: int = 0, rel_residual: float = 1e-2, max_steps: int = 50, seed: int = 0
    ) -> SingularEnds:
        """The largest and smallest singular values by products alone, certified; see `linalg.golub_kahan`.

        Args:
            largest: how many.
            smallest: how many.
            rel_residual: of each, where it may stop.
            max_steps: of two products each.
            seed: of the start.
        """
        m, n = self.shape
        A, At, side = (self.product, self.transposed, n) if n <= m else (self.transposed, self.product, m)
        start = unit_vector(side, seed=seed, like=self._x).to(self._x.dtype)
        return singular_ends(
            A, At, start, largest=largest, smallest=smallest, rel_residual=rel_residual, max_steps=max_steps
        )

    def log_gains(self, count: int, *, seed: int = 0) -> Float64[Tensor, " count"]:
        """ln ||J v|| of random unit vectors v: by which factor a change in no special direction grows, as a logarithm.

        The mean of ||J v||^2 over all directions is ||J||_F^2 / n, and that of ||J^T u||^2 is ||J||_F^2 / m, so for a
        square J gradients on the way back meet the same gain as changes on the way forward. -inf where J v = 0.

        Args:
            count: how many directions.
            seed: of the first; each has its own.
        """
        draws = (unit_vector(self.shape[1], seed=seed + i, like=self._x).to(self._x.dtype) for i in range(count))
        norms = [float(torch.linalg.vector_norm(self.product(v), dtype=torch.float64)) for v in draws]
        logs = [math.log(norm) if norm > 0 else -math.inf for norm in norms]
        return torch.tensor(logs, dtype=torch.float64)


def at_position(
    function: Callable[[Float[Tensor, "B T D"]], Float[Tensor, "B T E"]], x: Float[Tensor, "B T D"], position: int
) -> tuple[Callable[[Float[Tensor, "B D"]], Float[Tensor, "B E"]], Float[Tensor, "B D"]]:
    """f and x seen from one token alone: all others are held where they are.

    Args:
        function: of windows of vectors.
        x: the windows.
        position: of the token, from 0, or from the end as -1.
    """

    def of_one(token_BD: Tensor) -> Tensor:
        place = torch.zeros(x.shape[1], dtype=torch.bool, device=x.device)
        place[position] = True
        return function(torch.where(place[None, :, None], token_BD[:, None], x))[:, position]

    return of_one, x[:, position]


def _backward(output: Tensor, of: Tensor, cotangent: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(output, of, cotangent.reshape(output.shape), retain_graph=True)
    return found.flatten()
