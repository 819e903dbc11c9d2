import torch
from torch import Tensor

from eigenlm.linalg.csls import mean_of_nearest, nearest_by_csls


def points(n: int, D: int, seed: int) -> Tensor:
    return torch.randn(n, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def naive(X: Tensor, Y: Tensor, k: int) -> list[list[float]]:
    """2 cos(x, y) - r(x) - r(y) of arXiv:1710.04087, pair by pair."""
    cosines = [[float(x @ y / x.norm() / y.norm()) for y in Y] for x in X]
    r_x = [sum(sorted(row)[-k:]) / k for row in cosines]
    r_y = [sum(sorted(column)[-k:]) / k for column in zip(*cosines)]
    return [[2 * cosine - r_x[i] - r_y[j] for j, cosine in enumerate(row)] for i, row in enumerate(cosines)]


def test_the_order_is_that_of_the_formula() -> None:
    X, Y = points(9, 4, 0), points(13, 4, 1)
    found = nearest_by_csls(X, Y, mean_of_nearest(Y, X, k=3), k=5)
    for scores, rows in zip(naive(X, Y, 3), found.indices.tolist()):
        assert rows == sorted(range(13), key=lambda j: -scores[j])[:5]


def test_a_hub_is_nearest_by_cosine_and_not_by_csls() -> None:
    X = torch.cat([torch.eye(6) + 1, torch.zeros(6, 6)], dim=1).double()
    Y = torch.cat([X, X.sum(0, keepdim=True)])
    Y[:6, 6:] += 1.5**0.5 * torch.eye(6)  # every partner lies farther from its word than the hub in the middle of all
    nothing = torch.zeros(7, dtype=torch.float64)
    assert nearest_by_csls(X, Y, nothing, k=1).indices.flatten().tolist() == [6] * 6
    assert nearest_by_csls(X, Y, mean_of_nearest(Y, X, k=6), k=1).indices.flatten().tolist() == list(range(6))


def test_fewer_rows_than_neighbours_are_all_taken() -> None:
    X, Y = points(3, 4, 0), points(2, 4, 1)
    units = [rows / rows.norm(dim=1, keepdim=True) for rows in (X, Y)]
    assert torch.allclose(mean_of_nearest(X, Y, k=10), (units[0] @ units[1].mT).mean(1))
