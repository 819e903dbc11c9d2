import pytest
import torch

from eigenlm.errors import ConfigError, DataError
from eigenlm.linalg.eigenpairs import eigenpairs
from eigenlm.linalg.symmetric_operator import Factor, SymmetricOperator


class Dense(SymmetricOperator):
    def __init__(self, A):
        super().__init__(len(A), A.dtype, A.device)
        self.A = A

    def product(self, v):
        return self.A.mv(v)


class Gram(Dense):
    """B B^T that knows its factor."""

    def __init__(self, B):
        super().__init__(B @ B.mT)
        self.B = B

    @property
    def factor(self):
        class Known(Factor):
            def __init__(self, B):
                self.n, self.r, self.B = *B.shape, B

            def product(self, u):
                return self.B.mv(u)

            def transposed_product(self, v):
                return self.B.mT.mv(v)

        return Known(self.B)


def with_spectrum(values, dtype=torch.float64, seed=0):
    values = torch.as_tensor(values, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    U = torch.linalg.qr(torch.randn(len(values), len(values), dtype=torch.float64, generator=generator)).Q
    A = U * values @ U.mT
    return Dense(((A + A.mT) / 2).to(dtype))


def decaying(n):
    return torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) ** 5


SPECTRA = {
    "decaying": decaying(200),
    "clustered": torch.cat([1 + 1e-5 * torch.arange(5).double(), torch.linspace(-1, 0.9, 195).double()]),
    "repeated": torch.cat([torch.full((3,), 5.0), torch.full((2,), 4.0), torch.full((4,), -6.0), decaying(191) / 100]),
    "few values": torch.cat([torch.full((50,), 2.0), torch.full((150,), -1.0)]),
    "low rank": torch.cat([torch.tensor([3.0, 2.0, 1.0, -1.0, -2.0]), torch.zeros(195)]),
    "near zero": torch.cat([torch.tensor([1.0]), 1e-13 * torch.randn(199, generator=torch.Generator().manual_seed(0))]),
    "zero": torch.zeros(30),
    "tiny": torch.tensor([2.0, -1.0, 0.5]),
}


@pytest.mark.parametrize("which", ["largest", "smallest", "both", "magnitude"])
@pytest.mark.parametrize("name", SPECTRA)
def test_values_are_those_of_the_dense_decomposition(name, which):
    A = with_spectrum(SPECTRA[name])
    truth = torch.linalg.eigvalsh(A.A)
    count = min(6, A.n // 2)
    found = eigenpairs(A, count, which, rel_residual=1e-8, basis_size=min(A.n, 22))
    expected = {
        "largest": truth.flip(0)[:count],
        "smallest": truth[:count],
        "both": torch.cat([truth.flip(0)[:count], truth.flip(0)[-count:]]),
        "magnitude": truth[truth.abs().argsort(descending=True)][:count],
    }[which]
    scale = float(truth.abs().max())
    # The square of the residual over the gap is far below; rounding of a dense decomposition is what remains.
    # Magnitudes of equal size may come in any order, so they are compared as such.
    if which == "magnitude":
        found_values, expected = found.values.abs(), expected.abs()
    else:
        found_values = found.values
    torch.testing.assert_close(found_values, expected, rtol=1e-10, atol=1e-12 * scale)
    X = torch.stack(list(found.vectors), dim=1)
    R = A.A @ X - X * found.values
    torch.testing.assert_close(R.norm(dim=0), found.residuals, rtol=1e-6, atol=1e-13 * scale)
    assert float((X.mT @ X - torch.eye(X.shape[1], dtype=torch.float64)).abs().max()) < 1e-7  # residual over gap
    assert bool((found.residuals <= (1e-8 * found.values.abs()).clamp_min(1e-13 * scale)).all())


def test_it_stops_early_and_restarts_in_little_memory():
    A = with_spectrum(decaying(1500))
    found = eigenpairs(A, 5, rel_residual=1e-3, basis_size=12)
    truth = torch.linalg.eigvalsh(A.A).flip(0)[:5]
    assert found.products < 100
    assert float(found.rel_residuals.max()) <= 1.01e-3  # orthogonality to rounding
    torch.testing.assert_close(found.values, truth, rtol=1e-5, atol=0)  # residual squared over the gap


def test_a_factor_gives_the_same_pairs_in_shorter_vectors():
    torch.manual_seed(0)
    B = torch.randn(80, 30, dtype=torch.float64) * torch.logspace(0, -2, 30, dtype=torch.float64)
    known, plain = eigenpairs(Gram(B), 6, rel_residual=1e-9), eigenpairs(Dense(B @ B.mT), 6, rel_residual=1e-9)
    torch.testing.assert_close(known.values, plain.values, rtol=1e-12, atol=0)
    assert all(len(x) == 80 for x in known.vectors)
    assert float(known.rel_residuals.max()) < 1e-8  # sqrt of the ratio of values above the inner residual
    zeros = eigenpairs(Gram(B[:, :4].contiguous()), 4, rel_residual=1e-9).values
    torch.testing.assert_close(zeros, torch.linalg.svdvals(B[:, :4]).square(), rtol=1e-12, atol=0)
    deficient = torch.cat([B[:, :3], B[:, :3]], dim=1)  # six columns, three nonzero eigenvalues
    found = eigenpairs(Gram(deficient), 5, rel_residual=1e-9)
    torch.testing.assert_close(found.values[3:], torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)


def test_sixteen_bits_a_number_are_enough_for_one_in_ten_thousand(monkeypatch):
    monkeypatch.setattr("eigenlm.linalg.eigenpairs._COMPACT_BYTES", 0)
    A = with_spectrum(decaying(700), torch.float32)
    found = eigenpairs(A, 5, rel_residual=1e-4, basis_size=14)
    truth = torch.linalg.eigvalsh(A.A.double()).flip(0)[:5]
    assert float(found.rel_residuals.max()) < 2e-4  # 16 bits leave 3e-5 of a vector
    torch.testing.assert_close(found.values, truth, rtol=1e-5, atol=0)


def test_a_good_start_saves_products():
    A = with_spectrum(decaying(600))
    start = torch.linalg.eigh(A.A).eigenvectors[:, -5:].sum(1)
    noise = torch.randn(600, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    near = eigenpairs(A, 5, rel_residual=1e-3, start=start + 1e-3 * noise)
    assert near.products < eigenpairs(A, 5, rel_residual=1e-3).products


def test_the_same_seed_gives_the_same_pairs_and_too_few_products_say_so():
    A = with_spectrum(decaying(100))
    first, second = (eigenpairs(A, 3, max_products=7, seed=5) for _ in range(2))
    assert torch.equal(first.values, second.values)
    assert first.products == 7 + 3
    assert float(first.rel_residuals.max()) > first.rel_residual


def test_bad_input_is_one_line():
    A = with_spectrum(decaying(20))
    with pytest.raises(ConfigError, match="1 to 20 of the matrix, got 21"):
        eigenpairs(A, 21)
    with pytest.raises(ConfigError, match="at least 7 for these pairs, got 5"):
        eigenpairs(A, 5, basis_size=5)
    with pytest.raises(ConfigError, match="finite and not zero"):
        eigenpairs(A, 2, start=torch.zeros(20, dtype=torch.float64))
    with pytest.raises(DataError, match="expected finite numbers, got 20 NaN"):
        eigenpairs(Dense(torch.full((20, 20), torch.nan)), 2)
