import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.linalg.randomized_svd import randomized_svd


def matrix(m: int, n: int, decay: float, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    U, V = (torch.linalg.qr(torch.randn(k, min(m, n), generator=generator, dtype=torch.float64)).Q for k in (m, n))
    return ((U * decay ** torch.arange(min(m, n))) @ V.mT).to(dtype)


def found_of(A: torch.Tensor, rank: int, **options):
    return randomized_svd(lambda X: A @ X, lambda X: A.mT @ X, tuple(A.shape), rank, **options)


@pytest.mark.parametrize("shape", [(120, 80), (80, 120), (90, 90)])
def test_triples_are_those_of_the_dense_decomposition(shape):
    A = matrix(*shape, decay=0.8)
    found, want = found_of(A, 10, iterations=4), torch.linalg.svdvals(A.double())
    torch.testing.assert_close(found.S.double(), want[:10], rtol=1e-5, atol=1e-6)
    identity = torch.eye(10)
    torch.testing.assert_close(found.U.mT @ found.U, identity, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.Vh @ found.Vh.mT, identity, atol=1e-4, rtol=0)
    error = torch.linalg.matrix_norm((A - (found.U * found.S) @ found.Vh).double())
    assert error <= 1.01 * want[10:].norm()  # Eckart-Young: no rank 10 is nearer than want[10:].norm()


def test_a_matrix_of_lower_rank_has_zeros_and_no_nan():
    A = matrix(60, 40, decay=0.5)
    A = A[:, :3] @ torch.randn(3, 40, generator=torch.Generator().manual_seed(1))
    found = found_of(A, 8)
    assert found.S[3:].max() < 1e-3 * found.S[0]
    assert torch.isfinite(found.U).all()
    assert torch.isfinite(found.Vh).all()


def test_the_same_seed_gives_the_same_bits_and_bad_ranks_are_refused():
    A = matrix(50, 50, decay=0.9)
    assert torch.equal(found_of(A, 5, seed=3).U, found_of(A, 5, seed=3).U)
    for rank in (0, 51):
        with pytest.raises(ConfigError, match="expected a rank from 1 to 50"):
            found_of(A, rank)
