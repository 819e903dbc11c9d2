"""SOAP beside a numpy twin written from algorithm 3 of arXiv:2409.11321, and beside what it is invariant to."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eigenlm.errors import ShapeError
from eigenlm.training.optimizers import SOAP


def gradients(m: int, n: int, steps: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(m, m, generator=generator, dtype=torch.float64)
    return [mixing @ torch.randn(m, n, generator=generator, dtype=torch.float64) for _ in range(steps)]


def founding_basis(P: Tensor, max_size: int) -> np.ndarray:
    """By torch: where an eigenvalue is repeated (0, if m < n) any basis would do, but both must take the same."""
    return (torch.linalg.eigh(P).eigenvectors if len(P) <= max_size else torch.eye(len(P)).double()).numpy()


def twin(G_of_step: list[Tensor], lr: float, b1: float, b2: float, refresh: int, max_size: int) -> np.ndarray:
    """What is added to W in all: the algorithm's lines, with explicit identities and explicit loops over columns."""
    first, all_G = G_of_step[0], [G.numpy() for G in G_of_step]
    QL, QR = founding_basis(first @ first.mT, max_size), founding_basis(first.mT @ first, max_size)
    L, R = (1 - b2) * all_G[0] @ all_G[0].T, (1 - b2) * all_G[0].T @ all_G[0]
    m, n = all_G[0].shape
    M, V, total = np.zeros((m, n)), np.zeros((m, n)), np.zeros((m, n))
    for t, G in enumerate(all_G[1:], start=1):
        M, V = b1 * M + (1 - b1) * G, b2 * V + (1 - b2) * (QL.T @ G @ QR) ** 2
        N = (QL.T @ M @ QR / (1 - b1**t)) / (np.sqrt(V / (1 - b2**t)) + 1e-8)
        total = total - lr * QL @ N @ QR.T
        L, R = b2 * L + (1 - b2) * G @ G.T, b2 * R + (1 - b2) * G.T @ G
        if t % refresh == 0:
            if m <= max_size:
                order = sorted(range(m), key=lambda i: -QL[:, i] @ L @ QL[:, i])
                QL, V = np.linalg.qr(L @ QL[:, order])[0], V[order]
            if n <= max_size:
                order = sorted(range(n), key=lambda i: -QR[:, i] @ R @ QR[:, i])
                QR, V = np.linalg.qr(R @ QR[:, order])[0], V[:, order]
    return total


def moved(all_G: list[Tensor], **options: object) -> Tensor:
    W = nn.Parameter(torch.zeros_like(all_G[0]))
    optimizer = SOAP([W], **options)
    for G in all_G:
        W.grad = G.clone()
        optimizer.step()
    return W.detach()


@pytest.mark.parametrize(("m", "n", "max_size"), [(6, 6, 10), (4, 7, 10), (7, 4, 5), (6, 5, 2)])
def test_equals_the_twin(m: int, n: int, max_size: int) -> None:
    all_G = gradients(m, n, 25)
    truth = twin(all_G, 0.01, 0.9, 0.95, 5, max_size)
    ours = moved(all_G, lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0, refresh=5, max_size=max_size)
    # float64, through 25 steps with a square root in each.
    torch.testing.assert_close(ours, torch.from_numpy(truth), atol=1e-9, rtol=1e-9)


def test_without_bases_it_is_adamw_one_gradient_late() -> None:
    all_G = gradients(5, 4, 8)
    W = nn.Parameter(torch.zeros(5, 4, dtype=torch.float64))
    adamw = torch.optim.AdamW([W], lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
    for G in all_G[1:]:
        W.grad = G
        adamw.step()
    ours = moved(all_G, lr=0.01, betas=(0.9, 0.95), weight_decay=0.1, max_size=0)
    torch.testing.assert_close(ours, W.detach(), atol=1e-12, rtol=1e-9)  # float64, sums in another order


def test_turned_gradients_make_turned_steps() -> None:
    all_G = gradients(5, 5, 20)
    generator = torch.Generator().manual_seed(1)
    U, V = (torch.linalg.qr(torch.randn(5, 5, generator=generator, dtype=torch.float64)).Q for _ in range(2))
    turned = moved([U @ G @ V for G in all_G], weight_decay=0.0)
    # float64, through the square root of a second moment.
    torch.testing.assert_close(turned, U @ moved(all_G, weight_decay=0.0) @ V, atol=1e-8, rtol=1e-6)


def test_vectors_are_refused() -> None:
    with pytest.raises(ShapeError, match="matrices"):
        SOAP([nn.Parameter(torch.ones(3))])
