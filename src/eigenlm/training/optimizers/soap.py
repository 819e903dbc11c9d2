"""SOAP: Adam in the eigenbasis of Shampoo's factors."""

from typing import Any

import torch
from torch import Tensor

from eigenlm.training.optimizers.costs import Shape, UpdateCosts
from eigenlm.training.optimizers.matrix_rule import PreconditionedRule, preconditioned_costs
from eigenlm.training.optimizers.sharded import like, whole


class SOAP(PreconditionedRule):
    """Adam on the gradient seen in slowly turning bases Q_L, Q_R, in which it is as good as diagonal.

    G' = Q_L^T G Q_R;  M <- b1 M + (1 - b1) G;  V <- b2 V + (1 - b2) G'^2
    W <- (1 - lr decay) W - lr Q_L (M' / (sqrt(V) + eps)) Q_R^T,  M' = Q_L^T M Q_R, M and V freed of their bias
    L <- b2 L + (1 - b2) G G^T;  R <- b2 R + (1 - b2) G^T G;  every `refresh` steps Q_L, Q_R <- qr(L Q_L), qr(R Q_R)

    M is kept outside the basis and so turns with it. V belongs to the basis vectors and is put in order with them.
    The first gradient only founds the bases: in its own eigenbasis all but min(m, n) of its entries are rounding, which
    Adam would blow up. Source: arXiv:2409.11321, algorithm 3, and the authors' code.
    """

    def _update(self, W: Tensor, G: Tensor, group: dict[str, Any]) -> None:
        state, (b1, b2), lr, G = self.state[W], group["betas"], group["lr"], whole(G)
        if not state:
            _found(state, G, b2, group["max_size"])
            return
        state["step"] += 1
        t = state["step"].item()
        M, V = state["exp_avg"].lerp_(G, 1 - b1), state["exp_avg_sq"]
        V.lerp_(into_basis(G, state).square(), 1 - b2)
        N = into_basis(M, state) / (1 - b1**t) / ((V / (1 - b2**t)).sqrt() + group["eps"])
        W.mul_(1 - lr * group["weight_decay"])
        W.add_(like(out_of_basis(N, state), W), alpha=-lr)
        for side, factor in enumerate(_grams(G)):
            if f"basis_{side}" in state:
                state[f"factor_{side}"].lerp_(factor, 1 - b2)
                if t % group["refresh"] == 0:
                    _turn(state, side)


def into_basis(G: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Q_L^T G Q_R, a missing basis being the identity."""
    G = state["basis_0"].mT @ G if "basis_0" in state else G
    return G @ state["basis_1"] if "basis_1" in state else G


def out_of_basis(N: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Q_L N Q_R^T."""
    N = state["basis_0"] @ N if "basis_0" in state else N
    return N @ state["basis_1"].mT if "basis_1" in state else N


def _grams(G: Tensor) -> tuple[Tensor, Tensor]:
    return G @ G.mT, G.mT @ G


def _found(state: dict[str, Tensor], G: Tensor, b2: float, max_size: int) -> None:
    state["step"] = torch.zeros(())
    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(G), torch.zeros_like(G)
    for side, factor in enumerate(_grams(G)):
        if len(factor) <= max_size:
            state[f"factor_{side}"] = factor * (1 - b2)
            state[f"basis_{side}"] = torch.linalg.eigh(factor).eigenvectors.flip(-1).contiguous()


def _turn(state: dict[str, Tensor], side: int) -> None:
    """One step of power iteration, the columns put in falling order of eigenvalue, as QR wants it, and V with them."""
    factor, Q = state[f"factor_{side}"], state[f"basis_{side}"]
    product = factor @ Q
    order = (Q * product).sum(0).argsort(descending=True, stable=True)
    state["exp_avg_sq"] = state["exp_avg_sq"].index_select(side, order)
    state[f"basis_{side}"] = torch.linalg.qr(product[:, order]).Q


def soap_costs(shape: Shape) -> UpdateCosts:
    """Two Grams, into the bases twice and out once; a product and a QR for a new basis."""
    return preconditioned_costs(shape, products=4, renewal=10)
