"""Losses at a module's output, with the second derivative there: by a formula, or by differentiating twice."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from eigenlm.text.batches import IGNORED

_CHUNK_NUMBERS = 2**20  # of an output at once: what is computed between stays in the processor's cache


class OutputLoss(ABC):
    """A sum of losses over rows of a module's output, L(z, target)."""

    @abstractmethod
    def total(self, output: Any, target: Any) -> Float[Tensor, ""]:
        """The summed loss, twice differentiable in the output."""

    @abstractmethod
    def count(self, target: Any) -> int:
        """How many losses are summed, so that parts of a batch weigh as in one mean."""

    @abstractmethod
    def curvature_product(
        self, output: Float[Tensor, "*shape"], target: Any, u: Float[Tensor, "*shape"]
    ) -> Float[Tensor, "*shape"]:
        """H_L u, with H_L the Hessian of the total in the output."""


class RootedLoss(OutputLoss):
    """A convex loss whose curvature at the output has a known square root, H_L = L L^T."""

    def root_shape(self, output: Float[Tensor, "*shape"], target: Any) -> tuple[int, ...]:
        """The shape that L's columns are numbered by: the output's, unless L is thinner."""
        return tuple(output.shape)

    @abstractmethod
    def root_product(
        self, output: Float[Tensor, "*shape"], target: Any, u: Float[Tensor, "..."]
    ) -> Float[Tensor, "*shape"]:
        """L u."""

    @abstractmethod
    def transposed_root_product(
        self, output: Float[Tensor, "*shape"], target: Any, u: Float[Tensor, "*shape"]
    ) -> Float[Tensor, "..."]:
        """L^T u."""


class CrossEntropy(RootedLoss):
    """-ln p(target) with p = softmax(z) in each row; rows whose target is -100 count nothing.

    H_L u = p * u - p (p . u), and with s = sqrt(p): L = diag(s) (I - s s^T), since s has length 1.
    """

    def total(self, output: Float[Tensor, "*rows V"], target: Tensor) -> Float[Tensor, ""]:
        """The summed nll, in nats; p is all that its two derivatives keep."""
        return _CrossEntropy.apply(output.flatten(0, -2), target.flatten())

    def count(self, target: Tensor) -> int:
        """Rows with a target."""
        return int((target != IGNORED).sum())

    def curvature_product(self, output: Tensor, target: Tensor, u: Tensor) -> Tensor:
        """p * u - p (p . u)."""

        def formula(z_CV: Tensor, u_CV: Tensor) -> Tensor:
            return softmax_curvature(z_CV.softmax(-1), u_CV)

        return _by_rows(formula, output, target, u)

    def root_product(self, output: Tensor, target: Tensor, u: Tensor) -> Tensor:
        """s * (u - s (s . u))."""

        def formula(z_CV: Tensor, u_CV: Tensor) -> Tensor:
            s_CV = z_CV.softmax(-1).sqrt_()
            return s_CV * (u_CV - s_CV * (s_CV * u_CV).sum(-1, keepdim=True))

        return _by_rows(formula, output, target, u)

    def transposed_root_product(self, output: Tensor, target: Tensor, u: Tensor) -> Tensor:
        """s * (u - p . u)."""

        def formula(z_CV: Tensor, u_CV: Tensor) -> Tensor:
            s_CV = z_CV.softmax(-1).sqrt_()
            return s_CV * _centred(s_CV.square(), u_CV)

        return _by_rows(formula, output, target, u)


class SquaredError(RootedLoss):
    """(z - target)^2 summed over entries, counted by entry as `torch.nn.functional.mse_loss` does; H_L = 2 I."""

    def total(self, output: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
        """The sum of squares."""
        return (output - target).square().sum()

    def count(self, target: Tensor) -> int:
        """Entries."""
        return target.numel()

    def curvature_product(self, output: Tensor, target: Tensor, u: Tensor) -> Tensor:
        """2 u."""
        return 2 * u

    def root_product(self, output: Tensor, target: Tensor, u: Tensor) -> Tensor:
        """sqrt(2) u."""
        return 2**0.5 * u

    def transposed_root_product(self, output: Tensor, target: Tensor, u: Tensor) -> Tensor:
        """sqrt(2) u."""
        return 2**0.5 * u


class AnyLoss(OutputLoss):
    """The mean over a batch's first dimension of any function of (output, target) that can be differentiated twice."""

    def __init__(self, mean: Callable[[Any, Any], Float[Tensor, ""]]) -> None:
        self._mean = mean

    def total(self, output: Any, target: Any) -> Float[Tensor, ""]:
        """The mean times the number of rows."""
        return self._mean(output, target) * self.count(target)

    def count(self, target: Any) -> int:
        """Rows of the target."""
        return len(target)

    def curvature_product(self, output: Tensor, target: Any, u: Tensor) -> Tensor:
        """Autograd of autograd at the output alone."""
        with torch.enable_grad():
            z = output.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.total(z, target), z, create_graph=True)
            if not gradient.requires_grad:
                return torch.zeros_like(u)
            (Hu,) = torch.autograd.grad(gradient, z, u, materialize_grads=True)
        return Hu


def softmax_curvature(p: Float[Tensor, "*rows V"], u: Float[Tensor, "*rows V"]) -> Float[Tensor, "*rows V"]:
    """p * (u - p . u): the derivative of the softmax p along u, and so the Hessian of its cross-entropy."""
    return p * _centred(p, u)


def _centred(p: Tensor, u: Tensor) -> Tensor:
    """u - p . u, of which all can cancel: logits often move together, hundreds of times as far as one by one.

    In float32 p adds up to one but for some 1e-6. The mean is taken out first, or that part of the common move would
    stay in every entry, and grow once more on its way back through the module.
    """
    d = u - u.mean(-1, keepdim=True)
    return d.sub_((p * d).sum(-1, keepdim=True))


def _by_rows(formula: Callable[[Tensor, Tensor], Tensor], output: Tensor, target: Tensor, u: Tensor) -> Tensor:
    """The formula on a few rows at a time; zero in rows without a target."""
    z_NV, u_NV, found_NV = output.detach().flatten(0, -2), u.flatten(0, -2), torch.empty_like(u).flatten(0, -2)
    for rows in _chunks(z_NV):
        found_NV[rows] = formula(z_NV[rows], u_NV[rows])
    found_NV[target.flatten() == IGNORED] = 0
    return found_NV.view(u.shape)


def _chunks(z_NV: Tensor) -> list[slice]:
    size = max(1, _CHUNK_NUMBERS // z_NV.shape[1])
    return [slice(start, start + size) for start in range(0, len(z_NV), size)]


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z_NV: Tensor, target_N: Tensor) -> Tensor:
        ctx.save_for_backward(z_NV, target_N)
        return F.cross_entropy(z_NV, target_N, ignore_index=IGNORED, reduction="sum")

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor, None]:
        z_NV, target_N = ctx.saved_tensors
        return grad_loss * _CrossEntropyGradient.apply(z_NV, target_N), None


class _CrossEntropyGradient(torch.autograd.Function):
    """p - onehot(target), and the closed form of its derivative."""

    @staticmethod
    def forward(ctx: Any, z_NV: Tensor, target_N: Tensor) -> Tensor:
        p_NV = z_NV.softmax(-1)
        p_NV[target_N == IGNORED] = 0
        gradient_NV = p_NV.scatter_add(1, target_N.clamp(min=0)[:, None], -(target_N != IGNORED)[:, None].to(p_NV))
        ctx.save_for_backward(p_NV)
        return gradient_NV

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, u_NV: Tensor) -> tuple[Tensor, None]:
        (p_NV,) = ctx.saved_tensors
        found_NV = torch.empty_like(u_NV)
        for rows in _chunks(p_NV):
            found_NV[rows] = softmax_curvature(p_NV[rows], u_NV[rows])
        return found_NV, None
