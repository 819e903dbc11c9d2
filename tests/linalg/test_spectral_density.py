import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.linalg.spectral_density import gauss_rule, spectral_density
from eigenlm.linalg.symmetric_operator import SymmetricOperator


class Dense(SymmetricOperator):
    def __init__(self, A):
        super().__init__(len(A), A.dtype, A.device)
        self.A = A

    def product(self, v):
        return self.A.mv(v)


def semicircle(n=400, seed=0):
    A = torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (A + A.mT) / (2 * n) ** 0.5


def test_the_rule_is_exact_up_to_its_degree():
    A, steps = semicircle(50), 6
    z = torch.randn(50, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    nodes, weights = gauss_rule(Dense(A), z, steps)
    z = z / z.norm()
    for power in range(2 * steps):
        truth = z @ torch.linalg.matrix_power(A, power) @ z
        assert float(weights @ nodes**power) == pytest.approx(float(truth), rel=1e-10, abs=1e-10)  # float64


def test_rounding_splits_nodes_but_keeps_their_weight():
    values = torch.cat([torch.linspace(0, 1, 99, dtype=torch.float64), torch.tensor([100.0], dtype=torch.float64)])
    nodes, weights = gauss_rule(Dense(torch.diag(values)), torch.ones(100, dtype=torch.float64), 90)
    top = nodes > 50
    assert int(top.sum()) > 1  # copies, so that the test has something to see
    assert float(weights[top].sum()) == pytest.approx(0.01, rel=1e-8)


def test_density_is_that_of_the_dense_spectrum_smoothed_alike():
    A = semicircle()
    found = spectral_density(Dense(A), steps=60, probes=8)
    grid, density = torch.tensor(found.grid), torch.tensor(found.density)
    truth = torch.linalg.eigvalsh(A)
    smooth = torch.exp(-((grid - truth[:, None]) / found.width).square() / 2).mean(0) / (
        found.width * (2 * torch.pi) ** 0.5
    )
    assert float((density - smooth).abs().max()) < 0.05  # of at most 0.45; 1 / sqrt(8 * 400) times a few deviations
    inside = (torch.tensor(found.low) <= smooth) & (smooth <= torch.tensor(found.high))
    assert float(inside.double().mean()) > 0.8  # neighbouring points move together
    step = grid[1] - grid[0]
    assert float(density.sum() * step) == pytest.approx(1, abs=5e-3)  # three deviations beyond the ends
    assert abs(found.mean - float(A.trace()) / 400) < 5 * found.mean_error
    assert abs(found.mean_square - float(A.square().sum()) / 400) < 5 * found.mean_square_error
    assert len(found.grid) == 200


def test_wasserstein_distance_to_the_spectrum_is_small():
    A = semicircle(500)
    truth = torch.linalg.eigvalsh(A)
    rules = [
        gauss_rule(Dense(A), torch.randn(500, dtype=torch.float64, generator=torch.Generator().manual_seed(i)), 60)
        for i in range(40)
    ]
    nodes, weights = torch.cat([r[0] for r in rules]), torch.cat([r[1] for r in rules]) / len(rules)
    grid = torch.linspace(-2.5, 2.5, 4001, dtype=torch.float64)
    ours = (weights * (nodes <= grid[:, None])).sum(1)
    theirs = (truth <= grid[:, None]).double().mean(1)
    assert float((ours - theirs).abs().mean() * 5) < 0.02  # 1 / sqrt(40 * 500) of a spread of 1, and the nodes' spacing


@pytest.mark.parametrize("A", [torch.zeros(9, 9), 3 * torch.eye(9)], ids=["zero", "identity"])
def test_one_eigenvalue(A):
    found = spectral_density(Dense(A), steps=5, probes=2)
    peak = found.grid[max(range(200), key=found.density.__getitem__)]
    assert peak == pytest.approx(float(A[0, 0]), abs=2 * found.width)
    assert found.mean == pytest.approx(float(A[0, 0]), abs=1e-6)


def test_same_seed_same_density_and_bad_input_is_one_line():
    A = Dense(semicircle(30))
    assert spectral_density(A, steps=5, seed=1) == spectral_density(A, steps=5, seed=1)
    with pytest.raises(ConfigError, match="probes: expected at least 2, got 1"):
        spectral_density(A, probes=1)
