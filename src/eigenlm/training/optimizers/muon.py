"""Muon: momentum, turned orthogonal."""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from eigenlm.linalg.orthogonalization import orthogonalize
from eigenlm.training.optimizers.costs import Shape, UpdateCosts
from eigenlm.training.optimizers.matrix_rule import MatrixRule, Parameters
from eigenlm.training.optimizers.sharded import like, whole

# Polynomials that take the singular values near 1: five when the spectrum is steep, as a gradient's is.
_POLYNOMIALS = 5
Scale = Literal["original", "match_rms_adamw"]


class Muon(MatrixRule):
    """B <- mu B + (1 - mu) G;  W <- (1 - lr decay) W - lr s polar(mu B + (1 - mu) G), for matrices W alone.

    s is sqrt(max(1, m / n)) (`original`: https://kellerjordan.github.io/posts/muon) or 0.2 sqrt(max(m, n))
    (`match_rms_adamw`: the update's root mean square is AdamW's, whose learning rates then serve; arXiv:2502.16982,
    section 2.2). The rule and its names are those of `torch.optim.Muon`; the polar factor is nearer and cheaper.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.1,
        nesterov: bool = True,
        adjust_lr_fn: Scale = "original",
        dtype: torch.dtype | None = None,
    ) -> None:
        """Take matrices, (m, n) each, or groups of them.

        Args:
            params: the matrices.
            lr: learning rate.
            momentum: mu.
            weight_decay: decoupled.
            nesterov: whether G enters the step once more, as above; else polar(B).
            adjust_lr_fn: which s.
            dtype: of the products; by default whichever is fast on the matrix's device.

        Raises:
            ShapeError: a parameter is no matrix.
        """
        self.dtype = dtype
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> None:  # type: ignore[override]
        """One step, from the gradients that are there."""
        # One buffer for each shape: fresh memory would cost more than the arithmetic done in it.
        self._buffers: dict[torch.Size, Tensor] = {}
        super().step(closure)
        self._buffers = {}

    def _update(self, W: Tensor, G: Tensor, group: dict[str, Any]) -> None:
        state, mu = self.state[W], group["momentum"]
        buffer = self._buffers.setdefault(W.shape, torch.empty_like(W))
        if not state:
            state["momentum_buffer"] = torch.zeros_like(W)
        B = state["momentum_buffer"].lerp_(G, 1 - mu)
        momentum = buffer.copy_(G).lerp_(B, mu) if group["nesterov"] else B
        direction = buffer.copy_(like(orthogonalize(whole(momentum), self.dtype), W))
        W.mul_(1 - group["lr"] * group["weight_decay"])
        W.add_(direction, alpha=-group["lr"] * scale(W.shape, group["adjust_lr_fn"]))


def scale(shape: torch.Size | tuple[int, ...], adjust_lr_fn: Scale) -> float:
    """s of a matrix of this shape.

    >>> scale((4, 1), "original"), scale((100, 25), "match_rms_adamw")
    (2.0, 2.0)
    """
    m, n = shape
    return math.sqrt(max(1, m / n)) if adjust_lr_fn == "original" else 0.2 * math.sqrt(max(m, n))


def muon_costs(shape: Shape) -> UpdateCosts:
    """One average, and the products of `linalg.orthogonalize`: of a near square matrix in every step, else in two."""
    m, n = sorted(shape)
    stage = 3 * m * m * n + 2 * m**3
    polar = _POLYNOMIALS * stage if n < 1.5 * m else 2 * stage + (_POLYNOMIALS - 2) * 8 * m**3
    return UpdateCosts(kept=m * n, moved=16 * m * n, working=4 * m * n + 3 * m * m, fast_flops=float(polar))
