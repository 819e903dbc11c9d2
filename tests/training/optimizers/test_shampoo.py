"""Shampoo beside a numpy twin with scipy's matrix powers, and the length of its steps beside torch's Adam."""

import numpy as np
import pytest
import torch
from scipy.linalg import fractional_matrix_power
from torch import Tensor, nn

from eigenlm.errors import ShapeError
from eigenlm.training.optimizers import Shampoo


def gradients(m: int, n: int, steps: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(m, n, generator=generator, dtype=torch.float64) for _ in range(steps)]


def root(P: np.ndarray, power: float) -> np.ndarray:
    damped = P + 1e-6 * np.linalg.eigvalsh(P)[-1] * np.eye(len(P))
    return fractional_matrix_power(damped, power).real


def twin(all_G: list[np.ndarray], b1: float, b2: float, refresh: int, max_size: int) -> list[np.ndarray]:
    """The direction of each step before grafting, arXiv:1802.09568 algorithm 1 with averages for sums."""
    m, n = all_G[0].shape
    L, R, M = np.zeros((m, m)), np.zeros((n, n)), np.zeros((m, n))
    left, right, directions = np.eye(m), np.eye(n), []
    power = -1 / 4 if max(m, n) <= max_size else -1 / 2
    for t, G in enumerate(all_G, start=1):
        L, R, M = b2 * L + (1 - b2) * G @ G.T, b2 * R + (1 - b2) * G.T @ G, b1 * M + (1 - b1) * G
        if t == 1 or t % refresh == 0:
            left = root(L / (1 - b2**t), power) if m <= max_size else left
            right = root(R / (1 - b2**t), power) if n <= max_size else right
        directions.append(left @ M @ right)
    return directions


@pytest.mark.parametrize(("m", "n", "max_size"), [(5, 5, 10), (4, 7, 10), (7, 4, 5), (6, 5, 2)])
def test_direction_is_the_twin_s_and_length_is_adam_s(m: int, n: int, max_size: int) -> None:
    all_G, options = gradients(m, n, 12), {"lr": 0.01, "betas": (0.9, 0.95), "eps": 1e-8}
    W, A = (nn.Parameter(torch.zeros(m, n, dtype=torch.float64)) for _ in range(2))
    ours = Shampoo([W], weight_decay=0.0, refresh=3, max_size=max_size, **options)
    adam = torch.optim.Adam([A], **options)
    for G, direction in zip(all_G, twin([G.numpy() for G in all_G], 0.9, 0.95, 3, max_size)):
        W_before, A_before = W.detach().clone(), A.detach().clone()
        W.grad, A.grad = G.clone(), G.clone()
        ours.step(), adam.step()
        step, length = W.detach() - W_before, (A.detach() - A_before).norm()
        truth = -torch.from_numpy(direction / np.linalg.norm(direction)) * length
        # A damped eigenvalue is 1e-6 of the largest and known to 1e-16 of it; the rest is a fourth root.
        torch.testing.assert_close(step, truth, atol=1e-9, rtol=1e-6)


def test_weight_decay_is_decoupled() -> None:
    W = nn.Parameter(torch.ones(3, 3))
    W.grad = torch.zeros(3, 3)
    Shampoo([W], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(W.detach(), torch.full((3, 3), 0.95))


def test_vectors_are_refused() -> None:
    with pytest.raises(ShapeError, match="matrices"):
        Shampoo([nn.Parameter(torch.ones(3))])
