"""Lion against its formula, written out in float64."""

import torch

from eigenlm.training.optimizers.lion import Lion


def test_steps_are_the_papers() -> None:
    torch.manual_seed(0)
    W, lr, b1, b2, decay = torch.randn(7, 5, dtype=torch.float64), 0.03, 0.9, 0.99, 0.4
    parameter = torch.nn.Parameter(W.clone())
    optimizer = Lion([parameter], lr=lr, betas=(b1, b2), weight_decay=decay)
    M = torch.zeros_like(W)
    for _ in range(5):
        G = torch.randn_like(W)
        parameter.grad = G.clone()
        optimizer.step()
        # arXiv:2302.06675, algorithm 2, lines 5 to 8.
        c = b1 * M + (1 - b1) * G
        W = W - lr * (torch.sign(c) + decay * W)
        M = b2 * M + (1 - b2) * G
        # Two orders of the same float64 sums.
        torch.testing.assert_close(parameter.detach(), W, rtol=1e-13, atol=1e-14)
        torch.testing.assert_close(parameter.grad, G, rtol=0, atol=0)
