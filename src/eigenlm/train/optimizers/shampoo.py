"""Shampoo: a preconditioner for each side of a matrix, with the length of Adam's step."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from eigenlm.errors import ShapeError, explain
from eigenlm.linalg.inverse_root import inverse_root
from eigenlm.train.optimizers.sharded import like, whole


class Shampoo(Optimizer):
    """W <- (1 - lr decay) W - lr D ||A||_F / ||D||_F,  D = L^(-1/4) M R^(-1/4),  A = M / (sqrt(V) + eps).

    L <- b2 L + (1 - b2) G G^T;  R <- b2 R + (1 - b2) G^T G;  M <- b1 M + (1 - b1) G;  V <- b2 V + (1 - b2) G^2,
    all freed of their bias as Adam's are; the roots are taken anew every `refresh` steps. If one side is longer than
    `max_size` it is left alone, and the other gets its inverse square root; if both are, D is M.

    Source: arXiv:1802.09568, algorithm 1; averages and grafting to Adam's norm: arXiv:2309.06497, sections 2.4 and 3.1.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.1,
        refresh: int = 10,
        max_size: int = 2048,
    ) -> None:
        """Take matrices, (m, n) each, or groups of them.

        Args:
            params: the matrices.
            lr: learning rate, of Adam.
            betas: b1 and b2.
            eps: added to the root of V.
            weight_decay: decoupled.
            refresh: steps from one taking of roots to the next.
            max_size: a side longer than this has no preconditioner.

        Raises:
            ShapeError: a parameter is no matrix.
        """
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "refresh": refresh,
            "max_size": max_size,
        }
        super().__init__(params, defaults)
        for W in (W for group in self.param_groups for W in group["params"]):
            if W.ndim != 2:
                raise ShapeError(explain("Shampoo", expected="matrices (m, n)", got=tuple(W.shape)))

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> None:  # type: ignore[override]
        """One step, from the gradients that are there."""
        for group in self.param_groups:
            for W in group["params"]:
                if W.grad is not None:
                    self._update(W, whole(W.grad), group)

    def _update(self, W: Tensor, G: Tensor, group: dict[str, Any]) -> None:
        state, (b1, b2), lr = self.state[W], group["betas"], group["lr"]
        if not state:
            _start(state, G, group["max_size"])
        state["step"] += 1
        t = state["step"].item()
        M = state["exp_avg"].lerp_(G, 1 - b1) / (1 - b1**t)
        V = state["exp_avg_sq"].lerp_(G.square(), 1 - b2) / (1 - b2**t)
        sides = [side for side in (0, 1) if f"factor_{side}" in state]
        for side in sides:
            factor = state[f"factor_{side}"].lerp_(G @ G.mT if side == 0 else G.mT @ G, 1 - b2)
            if t == 1 or t % group["refresh"] == 0:
                state[f"root_{side}"] = inverse_root(factor / (1 - b2**t), 2 * len(sides))
        D = state["root_0"] @ M if 0 in sides else M
        D = D @ state["root_1"] if 1 in sides else D
        length = (M / (V.sqrt() + group["eps"])).norm() / D.norm().clamp_min(torch.finfo(D.dtype).tiny)
        W.mul_(1 - lr * group["weight_decay"])
        W.sub_(like(D * (lr * length), W))


def _start(state: dict[str, Tensor], G: Tensor, max_size: int) -> None:
    state["step"] = torch.zeros(())
    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(G), torch.zeros_like(G)
    for side, size in enumerate(G.shape):
        if size <= max_size:
            state[f"factor_{side}"] = G.new_zeros(size, size)
