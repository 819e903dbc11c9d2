"""The generalised Gauss-Newton matrix of a loss as an operator, and its square root."""

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from eigenlm.curvature.losses import RootedLoss
from eigenlm.curvature.objective import Objective, ObjectivePart
from eigenlm.curvature.parameters import add_joined_, common_precision, parameters_of, split, twice_differentiable
from eigenlm.linalg.symmetric_operator import Factor, SymmetricOperator


class Linearised:
    """A module on one part of a batch, as the linear map J from changes of parameters to changes of the output.

    J v is two reverse passes, d<J^T w, v> / dw, whose graph does not depend on v and is built once
    (Townsend 2017, "A new trick for calculating Jacobian vector products").

    Attributes:
        output: z (of any shape).
        part: that gave it.
    """

    def __init__(self, objective: Objective, part: ObjectivePart, parameters: Sequence[Tensor]) -> None:
        self.part, self._shapes = part, parameters
        with twice_differentiable(parameters):
            z = objective.output(part)
            self._z, self._parameters = get_gradient_edge(z), [get_gradient_edge(p) for p in parameters]
            self.output: Tensor = z.detach()
            w = torch.zeros_like(z, requires_grad=True)
            pulled = torch.autograd.grad(z, parameters, w, create_graph=True, materialize_grads=True)
            self._w = get_gradient_edge(w)
            self._pulled = [get_gradient_edge(g) if g.requires_grad else None for g in pulled]

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """J v, in the output's shape."""
        felt = [(edge, part) for edge, part in zip(self._pulled, parts) if edge is not None]
        if not felt:
            return torch.zeros_like(self.output)
        edges, along = zip(*felt)
        with twice_differentiable(self._shapes):
            (Jv,) = torch.autograd.grad(edges, [self._w], along, retain_graph=True)
        return Jv

    def backward(self, u: Tensor) -> list[Tensor]:
        """J^T u, in the parameters' shapes."""
        with twice_differentiable(self._shapes):
            found = torch.autograd.grad([self._z], self._parameters, [u], retain_graph=True, allow_unused=True)
        return [torch.zeros_like(p) if g is None else g for p, g in zip(self._shapes, found)]


class GaussNewton(SymmetricOperator):
    """G = 1 / count * sum over parts of J^T H_L J, with H_L the Hessian of the loss at the output (arXiv:1412.1193).

    Positive semidefinite for a convex loss. The Hessian without the curvature of the module itself; for cross-entropy
    and squared error equal to the Fisher information of the distribution that the output stands for.

    Args:
        objective: the mean loss of a fixed batch; the module gives one tensor.
        names: of parameters, in the order of the vector; all by default.
        keep_graph: keep the graphs of all parts for all products; without, one part's at a time, built anew each time.
        name: what error messages call it.

    Raises:
        ConfigError: parameters in half precision or of mixed types.
    """

    def __init__(
        self,
        objective: Objective,
        names: Sequence[str] | None = None,
        *,
        keep_graph: bool = True,
        name: str = "Gauss-Newton matrix",
    ) -> None:
        self._parameters = list(parameters_of(objective.module, names).values())
        dtype = common_precision(self._parameters)
        n = sum(p.numel() for p in self._parameters)
        super().__init__(n, dtype, self._parameters[0].device, name)
        self._objective = objective
        self._kept = [Linearised(objective, part, self._parameters) for part in objective.parts] if keep_graph else None

    def product(self, v: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """G v."""
        parts, Gv = split(v, self._parameters), torch.zeros_like(v)
        for J in self.linearised():
            u = self._objective.loss.curvature_product(J.output, J.part.target, J.forward(parts))
            add_joined_(Gv, J.backward(u.div_(self._objective.count)))
        return Gv

    @property
    def factor(self) -> "GaussNewtonRoot | None":
        """B = J^T L / sqrt(count), G = B B^T, with a column for each number of the output; None if L is not known."""
        loss = self._objective.loss
        return GaussNewtonRoot(self, loss, self._objective.count) if isinstance(loss, RootedLoss) else None

    def split(self, v: Float[Tensor, "n"]) -> list[Tensor]:
        """Views of v in the shapes of the parameters."""
        return split(v, self._parameters)

    def linearised(self) -> Iterator[Linearised]:
        """The module's Jacobian on one part after another."""
        if self._kept is not None:
            yield from self._kept
        else:
            for part in self._objective.parts:
                yield Linearised(self._objective, part, self._parameters)


class GaussNewtonRoot(Factor):
    """B (n, r) = J^T L / sqrt(count) of G = B B^T, where H_L = L L^T; r is the size of the output on the whole batch.

    For a language model r = tokens x vocabulary is often far below the number of parameters, and the eigenvectors of
    B^T B are that much shorter than those of G. A Fisher of drawn labels has one column for each label.
    """

    def __init__(self, G: GaussNewton, loss: RootedLoss, count: int) -> None:
        self._G, self._loss, self._scale = G, loss, count**-0.5
        self._shapes = [loss.root_shape(J.output, J.part.target) for J in G.linearised()]
        self.n, self.r = G.n, sum(math.prod(shape) for shape in self._shapes)

    def product(self, u: Float[Tensor, "r"]) -> Float[Tensor, "n"]:
        """J^T L u / sqrt(count)."""
        Bu = u.new_zeros(self.n)
        for J, piece in zip(self._G.linearised(), self._pieces(u)):
            rooted = self._loss.root_product(J.output, J.part.target, piece)
            add_joined_(Bu, J.backward(rooted.mul_(self._scale)))
        return Bu

    def transposed_product(self, v: Float[Tensor, "n"]) -> Float[Tensor, "r"]:
        """L^T J v / sqrt(count)."""
        parts, BTv = self._G.split(v), v.new_empty(self.r)
        for J, piece in zip(self._G.linearised(), self._pieces(BTv)):
            piece.copy_(self._loss.transposed_root_product(J.output, J.part.target, J.forward(parts)))
        return BTv.mul_(self._scale)

    def _pieces(self, u: Tensor) -> list[Tensor]:
        pieces = u.split([math.prod(shape) for shape in self._shapes])
        return [piece.view(shape) for piece, shape in zip(pieces, self._shapes)]
