import pytest
import torch

from eigenlm.errors import ConfigError, DataError
from eigenlm.linalg.symmetric_operator import Factor, SymmetricOperator
from eigenlm.linalg.trace import hutch_plus_plus, hutchinson


class Dense(SymmetricOperator):
    def __init__(self, A):
        super().__init__(len(A), A.dtype, A.device)
        self.A, self.products = A, 0

    def product(self, v):
        self.products += 1
        return self.A.mv(v)


def power_law(n=200, seed=0):
    U = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))).Q
    return U * torch.arange(1, n + 1, dtype=torch.float64) ** -2 @ U.mT


@pytest.mark.parametrize("estimate", [hutchinson, hutch_plus_plus])
def test_the_interval_covers_the_trace_as_often_as_it_says(estimate):
    A = torch.randn(60, 60, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    A = A + A.mT
    truth, runs = float(A.trace()), 300
    found = [estimate(Dense(A), 24, seed=seed) for seed in range(runs)]
    covered = sum(x.low <= truth <= x.high for x in found) / runs
    assert 0.91 <= covered <= 0.985  # 95 % within about three standard deviations of 300 draws
    z = torch.tensor([(x.value - truth) for x in found]).mean() / (
        torch.tensor([x.standard_error for x in found]).square().mean().sqrt() / runs**0.5
    )
    assert abs(float(z)) < 4  # without bias


def test_diagonal_matrices_have_no_variance_under_random_signs():
    found = hutchinson(Dense(torch.diag(torch.arange(5.0, dtype=torch.float64))), 3)
    assert found.value == pytest.approx(10, rel=1e-14)
    assert found.standard_error == pytest.approx(0, abs=1e-14)


def test_hutch_plus_plus_is_nearer_on_a_decaying_spectrum_and_counts_its_products():
    A, errors = power_law(), {}
    for estimate in (hutchinson, hutch_plus_plus):
        operators = [Dense(A) for _ in range(20)]
        found = [estimate(operator, 30, seed=seed) for seed, operator in enumerate(operators)]
        assert [operator.products for operator in operators] == [x.products for x in found]
        errors[estimate] = sum((x.value - float(A.trace())) ** 2 for x in found) ** 0.5
    assert errors[hutch_plus_plus] < errors[hutchinson] / 10  # the tail beyond ten of k^-2 holds 1 / 10 of its norm


def test_low_rank_is_exact():
    B = torch.randn(100, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = hutch_plus_plus(Dense(B @ B.mT), 30)
    assert found.value == pytest.approx(float(B.square().sum()), rel=1e-12)
    assert hutch_plus_plus(Dense(torch.zeros(9, 9)), 9).value == 0


def test_a_factor_gives_the_same_trace():
    B = torch.randn(50, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    class Gram(Dense):
        @property
        def factor(self):
            class Known(Factor):
                n, r = B.shape

                def product(self, u):
                    return B.mv(u)

                def transposed_product(self, v):
                    return B.mT.mv(v)

            return Known()

    found = hutch_plus_plus(Gram(B @ B.mT), 90)  # thirty vectors of signs span eight dimensions
    assert found.value == pytest.approx(float(B.square().sum()), rel=1e-12)


def test_same_seed_same_number_and_bad_input_is_one_line():
    assert hutchinson(Dense(power_law()), 5, seed=3) == hutchinson(Dense(power_law()), 5, seed=3)
    assert hutchinson(Dense(power_law()), 5, seed=3) != hutchinson(Dense(power_law()), 5, seed=4)
    with pytest.raises(ConfigError, match="at least 2 products, got 1"):
        hutchinson(Dense(power_law()), 1)
    with pytest.raises(ConfigError, match="at least 6 products, got 5"):
        hutch_plus_plus(Dense(power_law()), 5)
    with pytest.raises(DataError, match="expected finite numbers"):
        hutchinson(Dense(torch.full((4, 4), torch.inf)))
