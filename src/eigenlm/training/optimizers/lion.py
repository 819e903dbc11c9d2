"""Lion: the sign of an average of gradients."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class Lion(Optimizer):
    """W <- (1 - lr decay) W - lr sign(b1 M + (1 - b1) G);  M <- b2 M + (1 - b2) G.

    Every entry moves by lr, so that learning rates are a third to a tenth of AdamW's, and weight decay as much larger.
    Source: arXiv:2302.06675, algorithm 2.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        """Take parameters of any shape, or groups of them.

        Args:
            params: the parameters.
            lr: learning rate, the length of each entry's step.
            betas: b1 of the step and b2 of what is remembered.
            weight_decay: decoupled.
        """
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> None:  # type: ignore[override]
        """One step, from the gradients that are there."""
        for group in self.param_groups:
            (b1, b2), lr = group["betas"], group["lr"]
            for W in (W for W in group["params"] if W.grad is not None):
                state = self.state[W]
                if not state:
                    state["exp_avg"] = torch.zeros_like(W)
                M = state["exp_avg"]
                W.mul_(1 - lr * group["weight_decay"])
                W.sub_(W.grad.lerp(M, b1).sign_(), alpha=lr)
                M.lerp_(W.grad, 1 - b2)
