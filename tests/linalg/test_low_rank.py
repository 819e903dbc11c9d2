import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from eigenlm.errors import ShapeError
from eigenlm.linalg.low_rank import RankedFactors, low_rank, tail_in

SHAPES = [(7, 5), (5, 7), (6, 6), (1, 4), (4, 1)]
FLOOR = 1e-12  # the least part of a Gram's largest eigenvalue that a direction counts for


def gram(n: int, seed: int, samples: int = 50) -> Tensor:
    X = torch.randn(samples, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return X.mT @ X / samples


def matrix(m: int, n: int, seed: int = 0) -> Tensor:
    return torch.randn(m, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def error_energy(W: Tensor, found: RankedFactors, rank: int, C: Tensor, G: Tensor) -> float:
    B, A = found.at(rank)
    E = W - B @ A
    return float(torch.trace(G @ E @ C @ E.mT))


@pytest.mark.parametrize(("m", "n"), SHAPES)
def test_without_grams_it_is_eckart_young(m: int, n: int) -> None:
    W = matrix(m, n)
    U, S, Vh = np.linalg.svd(W.numpy(), full_matrices=False)
    found = low_rank(W)
    for rank in range(min(m, n) + 1):
        B, A = found.at(rank)
        # eigenvectors of a Gram are as exact as float64 over the relative gap of s^2, above 1e-3 here
        assert np.abs((B @ A).numpy() - (U[:, :rank] * S[:rank]) @ Vh[:rank]).max() < 1e-10
        # sums of s^2 of about 30 round at 1e-15 of that
        assert float(found.tail[rank]) == pytest.approx(float((S[rank:] ** 2).sum()), abs=1e-12)


@pytest.mark.parametrize(("m", "n"), SHAPES)
@pytest.mark.parametrize("metric", ["input", "output", "both"])
def test_with_grams_it_is_the_svd_of_the_whitened_matrix(m: int, n: int, metric: str) -> None:
    W = matrix(m, n)
    C = None if metric == "output" else gram(n, 1)
    G = None if metric == "input" else gram(m, 2)
    found = low_rank(W, C, G)
    # the other route: Cholesky factors C = L L^T and G = K K^T, and the SVD of K^T W L
    L = np.eye(n) if C is None else scipy.linalg.cholesky(C.numpy(), lower=True)
    K = np.eye(m) if G is None else scipy.linalg.cholesky(G.numpy(), lower=True)
    U, S, Vh = np.linalg.svd(K.T @ W.numpy() @ L, full_matrices=False)
    for rank in range(min(m, n) + 1):
        B, A = found.at(rank)
        best = np.linalg.solve(K.T, U[:, :rank] * S[:rank]) @ np.linalg.solve(L.T, Vh[:rank].T).T
        # Grams of 50 samples have a condition below 1e2: 1e-10 leaves four digits for the gaps of s^2
        assert np.abs((B @ A).numpy() - best).max() < 1e-10
        assert float(found.tail[rank]) == pytest.approx(float((S[rank:] ** 2).sum()), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(("m", "n"), SHAPES)
def test_tail_is_the_dense_error_and_no_neighbour_has_less(m: int, n: int) -> None:
    W, C, G = matrix(m, n), gram(n, 1), gram(m, 2)
    found, noise = low_rank(W, C, G), torch.Generator().manual_seed(3)
    for rank in range(min(m, n) + 1):
        energy = error_energy(W, found, rank, C, G)
        assert energy == pytest.approx(float(found.tail[rank]), rel=1e-9, abs=1e-12)  # condition 1e2 squared, in 1e-16
        B, A = found.at(rank)
        for size in (1e-3, 1e-1):
            B_near = B + size * torch.randn(B.shape, dtype=B.dtype, generator=noise)
            A_near = A + size * torch.randn(A.shape, dtype=A.dtype, generator=noise)
            E = W - B_near @ A_near
            assert float(torch.trace(G @ E @ C @ E.mT)) >= energy - 1e-12  # rounding of an energy of about 30


def test_at_a_rank_is_a_prefix_of_every_higher_one() -> None:
    found = low_rank(matrix(6, 4), gram(4, 1), gram(6, 2))
    B, A = found.at(2)
    assert torch.equal(B, found.at(3)[0][:, :2])
    assert torch.equal(A, found.at(3)[1][:2])
    assert found.tail.shape == (5,)


@pytest.mark.parametrize(("m", "n"), [(9, 5), (5, 9), (6, 6)])
def test_a_diagonal_is_the_gram_that_has_nothing_else(m: int, n: int) -> None:
    generator = torch.Generator().manual_seed(m)
    W, x = (torch.randn(rows, n, generator=generator, dtype=torch.float64) for rows in (m, 20))
    C, diagonal = x.mT @ x / 20, torch.rand(m, generator=generator, dtype=torch.float64)
    found, want = (low_rank(W, C, G, input_shrinkage=0.05, output_shrinkage=0.05) for G in (diagonal, diagonal.diag()))
    torch.testing.assert_close(found.tail, want.tail, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found.at(3)[0] @ found.at(3)[1], want.at(3)[0] @ want.at(3)[1], rtol=1e-9, atol=1e-12)


def test_shrinkage_is_the_metric_of_a_mixed_gram() -> None:
    W, C, G = matrix(6, 4), gram(4, 1), gram(6, 2)

    def mixed(gram: Tensor, part: float) -> Tensor:
        return (1 - part) * gram + part * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)

    shrunk = low_rank(W, C, G, input_shrinkage=0.1, output_shrinkage=0.3)
    expected = low_rank(W, mixed(C, 0.1), mixed(G, 0.3))
    assert torch.allclose(shrunk.tail, expected.tail, rtol=1e-12)  # the same sums in another order
    assert torch.allclose(shrunk.B @ shrunk.A, expected.B @ expected.A, atol=1e-12)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize(("m", "n"), [(6, 4), (4, 6)])
def test_what_is_left_in_another_metric(m: int, n: int, diagonal: bool) -> None:
    W, C, G = matrix(m, n), gram(n, 3), gram(m, 4)
    G = G.diagonal() if diagonal else G
    best = low_rank(W, gram(n, 1), gram(m, 2))
    changes = [W - left @ right for left, right in map(best.at, range(5))]
    wanted = [float(torch.trace((G.diag() if diagonal else G) @ D @ C @ D.mT)) for D in changes]
    assert tail_in(best.B, best.A, C, G).tolist() == pytest.approx(wanted, rel=1e-9, abs=1e-12 * wanted[0])
    own = tail_in(best.B, best.A, gram(n, 1), gram(m, 2))
    torch.testing.assert_close(own, best.tail, rtol=1e-9, atol=1e-12 * float(best.tail[0]))


@st.composite
def problems(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """A matrix and two Grams: of few samples or none, with dead channels, tiny or huge, of condition up to 1e12."""
    m, n = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))

    def fuzzed(size: int) -> Tensor:
        X = torch.randn(draw(st.integers(0, 20)), size, dtype=torch.float64, generator=generator)
        X = X * torch.logspace(0, -draw(st.floats(0, 6)), size, dtype=torch.float64)
        X[:, : draw(st.integers(0, size))] = 0
        dtype = draw(st.sampled_from([torch.float32, torch.float64]))
        return (X.mT @ X * draw(st.sampled_from([1e-30, 1.0, 1e12]))).to(dtype)

    W = torch.randn(m, n, dtype=torch.float64, generator=generator) * draw(st.sampled_from([0.0, 1e-20, 1.0, 1e20]))
    return W.to(draw(st.sampled_from([torch.bfloat16, torch.float32, torch.float64]))), fuzzed(n), fuzzed(m)


@settings(max_examples=150, deadline=None)
@given(problems())
def test_no_gram_gives_an_exception_or_nan(problem: tuple[Tensor, Tensor, Tensor]) -> None:
    W, C, G = problem
    found = low_rank(W, C, G)
    assert bool(found.B.isfinite().all())
    assert bool(found.A.isfinite().all())
    assert float(found.tail[-1]) == 0
    assert bool((found.tail.diff() <= 0).all())
    # At full rank the product is W; the two roots invert each other up to 1e-16 / sqrt(FLOOR) a number, 12 in a row.
    B, A = found.at(min(W.shape))
    W = W.double()
    assert float((B @ A - W).norm()) <= 12 * 1e-15 / FLOOR**0.5 * float(W.norm())


@settings(max_examples=75, deadline=None)
@given(problems())
def test_the_tail_is_the_eckart_young_bound_on_any_gram(problem: tuple[Tensor, Tensor, Tensor]) -> None:
    W, C, G = (tensor.double() for tensor in problem)
    found = low_rank(W, C, G)

    def root(gram: Tensor) -> Tensor:
        eigenvalues, Q = torch.linalg.eigh(gram)
        return (Q * eigenvalues.clamp_min(0).sqrt()) @ Q.mT

    S = torch.linalg.svdvals(root(G) @ W @ root(C))
    # A direction of the smaller side counts for FLOOR of the largest eigenvalue at least, there are up to 12, and a
    # Gram stored in float32 has negative eigenvalues of up to 1e-7 that one route clips and the other uses.
    largest = float(C.trace() * G.trace()) * float(W.norm()) ** 2
    rounding = 12 * FLOOR + (2e-6 if torch.float32 in (problem[1].dtype, problem[2].dtype) else 0.0)
    for rank in range(len(S) + 1):
        assert abs(float(found.tail[rank]) - float((S[rank:] ** 2).sum())) <= rounding * largest


def test_bad_input_is_one_line() -> None:
    W = matrix(3, 4)
    with pytest.raises(ShapeError, match="input Gram"):
        low_rank(W, gram(3, 0))
    with pytest.raises(ShapeError, match="output Gram"):
        low_rank(W, None, gram(4, 0))
    with pytest.raises(ShapeError, match=r"input Gram.*finite"):
        low_rank(W, gram(4, 0) * float("nan"))
    W[0, 0] = float("inf")
    with pytest.raises(ShapeError, match=r"matrix.*finite"):
        low_rank(W)
