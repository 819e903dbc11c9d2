"""Shampoo: a preconditioner for each side of a matrix, with the length of Adam's step."""

from typing import Any

import torch
from torch import Tensor

from eigenlm.linalg.inverse_root import inverse_root
from eigenlm.training.optimizers.costs import Shape, UpdateCosts
from eigenlm.training.optimizers.matrix_rule import PreconditionedRule, preconditioned_costs
from eigenlm.training.optimizers.sharded import like, whole


class Shampoo(PreconditionedRule):
    """W <- (1 - lr decay) W - lr D ||A||_F / ||D||_F,  D = L^(-1/4) M R^(-1/4),  A = M / (sqrt(V) + eps).

    L <- b2 L + (1 - b2) G G^T;  R <- b2 R + (1 - b2) G^T G;  M <- b1 M + (1 - b1) G;  V <- b2 V + (1 - b2) G^2,
    all freed of their bias as Adam's are; the roots are taken anew every `refresh` steps. If one side is longer than
    `max_size` it is left alone, and the other gets its inverse square root; if both are, D is M.

    Source: arXiv:1802.09568, algorithm 1; averages and grafting to Adam's norm: arXiv:2309.06497, sections 2.4 and 3.1.
    """

    def _update(self, W: Tensor, G: Tensor, group: dict[str, Any]) -> None:
        state, (b1, b2), lr, G = self.state[W], group["betas"], group["lr"], whole(G)
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


def shampoo_costs(shape: Shape) -> UpdateCosts:
    """Two Grams and the roots once; an eigendecomposition for a new root."""
    return preconditioned_costs(shape, products=2, renewal=24)
