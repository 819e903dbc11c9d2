"""The dimension of clouds whose dimension is known."""

import pytest
import torch

from eigenlm.linalg.intrinsic_dimension import intrinsic_dimension


def cloud(C, d, n, seed):
    """C points, evenly spread in a d-dimensional torus, which has no edge, embedded in n >= 2 d dimensions."""
    generator = torch.Generator().manual_seed(seed)
    angles = 2 * torch.pi * torch.rand(C, d, generator=generator, dtype=torch.float64)
    torus = torch.cat([angles.cos(), angles.sin()], dim=1)
    return torus @ torch.linalg.qr(torch.randn(n, 2 * d, generator=generator, dtype=torch.float64)).Q.mT


@pytest.mark.parametrize("d", [1, 2, 4])
def test_known_dimensions(d):
    estimates = [intrinsic_dimension(cloud(600, d, 12, seed)) for seed in range(8)]
    mean = sum(estimate.value for estimate in estimates) / len(estimates)
    # One estimate scatters by d / sqrt(600); curvature biases the densest of these, d = 4, by a few percent.
    assert mean == pytest.approx(d, rel=0.08)


def test_intervals_cover():
    estimates = [intrinsic_dimension(cloud(300, 2, 6, seed)) for seed in range(60)]
    covered = sum(estimate.low <= 2 <= estimate.high for estimate in estimates)
    assert covered >= 51  # 57 expected of 60; a true coverage of 95 % gives fewer than 51 once in 200
    assert all(estimate.low < estimate.value < estimate.high for estimate in estimates)


def test_scale_shift_and_repeats_change_nothing():
    X = cloud(200, 2, 8, 0)
    want = intrinsic_dimension(X)
    got = intrinsic_dimension(torch.cat([1e3 * X + 500, 1e3 * X[:50] + 500]))
    assert got.num_points == want.num_points == 200
    assert got.value == pytest.approx(want.value, rel=1e-6)  # the shift costs the distances 5 of 16 digits


def test_float32_rows_agree_with_float64():
    X = cloud(200, 3, 8, 0)
    assert intrinsic_dimension(X.float()).value == pytest.approx(intrinsic_dimension(X).value, rel=1e-3)


@pytest.mark.parametrize("X", [torch.zeros(50, 4), torch.eye(2), torch.rand(19, 3)])
def test_too_few_different_points_give_nothing(X):
    assert intrinsic_dimension(X) is None
