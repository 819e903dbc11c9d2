"""Muon beside its formula with an SVD, and beside torch's."""

import pytest
import torch
from torch import Tensor, nn

from eigenlm.errors import ShapeError
from eigenlm.linalg.orthogonalization import TOLERANCE
from eigenlm.training.optimizers import Muon

SHAPES = [(8, 8), (24, 8), (8, 24)]


def gradients(shape: tuple[int, int], steps: int, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(steps)]


def run(optimizer: torch.optim.Optimizer, W: nn.Parameter, all_G: list[Tensor]) -> None:
    for G in all_G:
        W.grad = G.clone()
        optimizer.step()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("nesterov", [True, False])
def test_each_step_is_the_formula_s(shape: tuple[int, int], nesterov: bool) -> None:
    lr, mu, decay = 0.1, 0.9, 0.3
    W = nn.Parameter(gradients(shape, 1, seed=9)[0])
    optimizer = Muon([W], lr=lr, momentum=mu, weight_decay=decay, nesterov=nesterov, dtype=torch.float64)
    B = torch.zeros(shape, dtype=torch.float64)
    for G in gradients(shape, 4):
        before, W.grad = W.detach().clone(), G
        optimizer.step()
        B = mu * B + (1 - mu) * G
        U, S, Vh = torch.linalg.svd(mu * B + (1 - mu) * G if nesterov else B, full_matrices=False)
        step = (before * (1 - lr * decay) - W.detach()) / (lr * max(1, shape[0] / shape[1]) ** 0.5)
        turned = U.mT @ step @ Vh.mT
        torch.testing.assert_close(turned, torch.diag(turned.diagonal()), atol=1e-10, rtol=0)  # float64, after 16^3
        assert ((turned.diagonal() - 1).abs()[0.01 * S.norm() < S] <= TOLERANCE).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("adjust_lr_fn", ["original", "match_rms_adamw"])
def test_walks_with_torch(shape: tuple[int, int], adjust_lr_fn: str) -> None:
    start = gradients(shape, 1, seed=9)[0].float()
    moved = []
    for rule in (Muon, torch.optim.Muon):
        W = nn.Parameter(start.clone())
        optimizer = rule([W], lr=0.02, weight_decay=0.1, adjust_lr_fn=adjust_lr_fn)
        run(optimizer, W, [G.float() for G in gradients(shape, 5)])
        moved.append(W.detach() - start)
    ours, theirs = moved
    # Same singular vectors; values in [0.78, 1.22] here and [0.68, 1.2] there: the cosine of two vectors whose entries'
    # ratios span a factor k = 1.22 * 1.2 / (0.78 * 0.68) is at least 2 sqrt(k) / (1 + k) (Polya and Szego) = 0.88.
    assert torch.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0) > 0.95
    assert (ours.norm() / theirs.norm() - 1).abs() < 0.2


def test_gradients_are_left_as_they_are_and_missing_ones_passed_over() -> None:
    W, still = nn.Parameter(torch.ones(4, 6)), nn.Parameter(torch.ones(4, 6))
    G = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    W.grad = G.clone()
    Muon([W, still]).step()
    assert torch.equal(W.grad, G)
    assert torch.equal(still, torch.ones(4, 6))


def test_vectors_are_refused() -> None:
    with pytest.raises(ShapeError, match="matrices"):
        Muon([nn.Parameter(torch.ones(3))])
