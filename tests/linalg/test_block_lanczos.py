import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.linalg.block_lanczos import dominant_eigenpairs


def symmetric(n: int, decay: float, seed: int = 0) -> torch.Tensor:
    """Eigenvalues decay^i of either sign."""
    generator = torch.Generator().manual_seed(seed)
    Q = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64)).Q
    values = decay ** torch.arange(n) * torch.where(torch.arange(n) % 3 == 1, -1.0, 1.0)
    return ((Q * values) @ Q.mT).float()


@pytest.mark.parametrize("decay", [0.7, 0.95])
def test_pairs_are_those_of_the_dense_decomposition(decay):
    A = symmetric(400, decay)
    found = dominant_eigenpairs(lambda X: A @ X, 400, 12)
    want = torch.linalg.eigvalsh(A.double())
    want = want[want.abs().argsort(descending=True)][:12]
    torch.testing.assert_close(found.values.double(), want, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.vectors.mT @ found.vectors, torch.eye(12), atol=1e-5, rtol=0)
    residuals = (A @ found.vectors - found.vectors * found.values).norm(dim=0)
    assert residuals.max() < 1e-4 * found.values.abs().max()


def test_a_matrix_of_lower_rank_has_zeros_and_no_nan():
    B = torch.randn(60, 3, generator=torch.Generator().manual_seed(1))
    found = dominant_eigenpairs(lambda X: B @ (B.mT @ X), 60, 8)
    torch.testing.assert_close(
        found.values[:3].sort().values, torch.linalg.svdvals(B).square().sort().values, rtol=1e-5, atol=0
    )
    assert found.values[3:].abs().max() < 1e-4 * found.values[0]
    assert torch.isfinite(found.vectors).all()


def test_a_matrix_of_zeros_and_one_of_one_pair_have_orthonormal_vectors():
    one = torch.zeros(300, 300)
    one[7, 9] = one[9, 7] = 2.0  # eigenvalues 2 and -2
    for A, want in ((torch.zeros(300, 300), 0.0), (one, 2.0)):
        found = dominant_eigenpairs(lambda X, A=A: A @ X, 300, 4)
        torch.testing.assert_close(found.values[:2].abs(), torch.full((2,), want))
        torch.testing.assert_close(found.vectors.mT @ found.vectors, torch.eye(4), atol=1e-4, rtol=0)


def test_the_same_seed_gives_the_same_bits_and_bad_ranks_are_refused():
    A = symmetric(50, 0.9)
    first, second = (dominant_eigenpairs(lambda X: A @ X, 50, 5, seed=3).vectors for _ in range(2))
    assert torch.equal(first, second)
    for rank in (0, 51):
        with pytest.raises(ConfigError, match="expected a number of them from 1 to 50"):
            dominant_eigenpairs(lambda X: A @ X, 50, rank)
