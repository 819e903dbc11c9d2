import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenlm.errors import DataError, ShapeError
from eigenlm.linalg import by_blocks, singular_values, svd
from eigenlm.linalg.by_blocks import ByBlocks

SHAPES = [(1, 1), (1, 9), (9, 1), (7, 7), (40, 12), (12, 40), (300, 20)]


def with_spectrum(m: int, n: int, S: torch.Tensor, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    U, V = (torch.linalg.qr(torch.randn(k, len(S), dtype=torch.float64, generator=generator)).Q for k in (m, n))
    return (U * S) @ V.mT


def lapack(W: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(scipy.linalg.svd(W.double().numpy(), compute_uv=False)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_singular_values_are_lapacks(shape, dtype):
    W = torch.randn(*shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    S = singular_values(W)
    assert S.dtype == torch.float64
    torch.testing.assert_close(S, lapack(W), rtol=1e-6, atol=0)  # the promise in the docstring


@pytest.mark.parametrize("log10_condition", [0, 2, 3, 4, 5, 6, 9])
@pytest.mark.parametrize("shape", [(200, 60), (60, 200), (90, 90)])
def test_the_promise_holds_on_both_sides_of_the_switch(shape, log10_condition):
    true = torch.logspace(0, -log10_condition, min(shape), dtype=torch.float64)
    S = singular_values(with_spectrum(*shape, true))
    # LAPACK moves every value by about u sigma_1, here 1e-16 of 1; the rest is the promise.
    assert (S - true).abs().le(1e-6 * true + 1e-14).all()


def test_a_tighter_promise_is_kept_too():
    true = torch.logspace(0, -3, 50, dtype=torch.float64)
    S = singular_values(with_spectrum(400, 50, true), rel_error=1e-12)
    torch.testing.assert_close(S, true, rtol=1e-12, atol=0)  # the Gram route alone would be 1e-10 off here


def test_tall_matrices_are_read_by_blocks_of_rows(monkeypatch):
    monkeypatch.setattr("eigenlm.linalg.decomposition._GRAM_ROWS", 16)
    monkeypatch.setattr("eigenlm.linalg.decomposition._QR_ROWS", 16)
    for condition in (1e1, 1e8):  # the Gram route and the triangular one
        true = torch.logspace(0, -float(np.log10(condition)), 10, dtype=torch.float64)
        S = singular_values(with_spectrum(103, 10, true))
        assert (S - true).abs().le(1e-6 * true + 1e-14).all()


@settings(max_examples=60, deadline=None)
@given(
    m=st.integers(1, 20),
    n=st.integers(1, 20),
    exponent=st.sampled_from([-320, -200, -150, 0, 100, 150, 250]),
    kind=st.sampled_from(["normal", "constant", "rank one", "zero", "one entry"]),
    seed=st.integers(0, 99),
)
def test_any_scale_and_any_rank_is_finite_descending_and_keeps_the_frobenius_norm(m, n, exponent, kind, seed):
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(m, n, dtype=torch.float64, generator=generator)
    W = {
        "normal": normal,
        "constant": torch.ones_like(normal),
        "rank one": normal[:, :1] * normal[:1],
        "zero": torch.zeros_like(normal),
        "one entry": torch.zeros_like(normal).index_put(
            (torch.tensor(m - 1), torch.tensor(0)), torch.tensor(1.0).double()
        ),
    }[kind]
    W = W * 10.0**exponent
    S = singular_values(W)
    assert S.isfinite().all()
    assert (S >= 0).all()
    assert (S.diff() <= 0).all()
    back = 10.0**-exponent if exponent > -300 else 1e300
    frobenius = (W * back).square().sum().sqrt()
    # Results below 1e-308 are rounded to multiples of 5e-324, which `back` makes 5e-24 each.
    torch.testing.assert_close((S * back).square().sum().sqrt(), frobenius, rtol=1e-9, atol=5e-23)


def test_rank_deficient_matrices_keep_their_zeros():
    S = singular_values(with_spectrum(80, 50, torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)))
    torch.testing.assert_close(S[:3], torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64), rtol=1e-12, atol=0)
    assert (S[3:] < 1e-14).all()  # the Gram route alone would leave about 1e-8


@pytest.mark.parametrize("shape", [*SHAPES, (2, 3, 40, 12), (4, 5, 30)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_svd_rebuilds_and_is_orthonormal(shape, dtype):
    W = torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(2))
    U, S, Vh = svd(W)
    expected = torch.linalg.svd(W, full_matrices=False)
    assert [U.shape, S.shape, Vh.shape] == [part.shape for part in expected]
    assert {U.dtype, S.dtype, Vh.dtype} == {dtype}
    tolerance = 50 * torch.finfo(dtype).eps  # products of up to 300 terms
    torch.testing.assert_close(U * S[..., None, :] @ Vh, W, rtol=0, atol=tolerance * S.max().item())
    identity = torch.eye(S.shape[-1], dtype=dtype).expand(*S.shape, S.shape[-1])
    torch.testing.assert_close(U.mT @ U, identity, rtol=0, atol=tolerance)
    torch.testing.assert_close(Vh @ Vh.mT, identity, rtol=0, atol=tolerance)
    torch.testing.assert_close(S, expected.S, rtol=tolerance, atol=tolerance * S.max().item())


@pytest.mark.parametrize("condition", [1e1, 1e3, 1e5, 1e12, np.inf])
def test_svd_of_badly_conditioned_tall_matrices_stays_orthonormal(condition):
    S = torch.logspace(0, -np.log10(condition), 20).double() if np.isfinite(condition) else torch.eye(20).double()[0]
    for W in (with_spectrum(200, 20, S).float(), with_spectrum(200, 20, S).float().mT, torch.zeros(200, 20)):
        U, S_found, Vh = svd(W)
        rank = min(W.shape)
        torch.testing.assert_close(U.mT @ U, torch.eye(rank), rtol=0, atol=2e-6)  # 20 terms at float32's 1.2e-7
        torch.testing.assert_close(Vh @ Vh.mT, torch.eye(rank), rtol=0, atol=2e-6)
        torch.testing.assert_close(U * S_found @ Vh, W, rtol=0, atol=2e-6)


def test_half_types_come_back_in_float32():
    W = torch.randn(8, 4).to(torch.bfloat16)
    U, S, Vh = svd(W)
    assert {U.dtype, S.dtype, Vh.dtype} == {torch.float32}
    torch.testing.assert_close(U * S @ Vh, W.float(), rtol=0, atol=1e-5)  # float32 rounding of 4 terms


@pytest.mark.parametrize("act", [singular_values, svd])
def test_bad_input_is_one_clear_line(act):
    W = torch.ones(3, 4)
    W[0, 1], W[2, 3] = float("nan"), float("inf")
    with pytest.raises(DataError, match="2 NaN or infinite of 12"):
        act(W)
    with pytest.raises(ShapeError, match=r"got \(0, 4\)"):
        act(torch.ones(0, 4))


def test_weights_that_require_grad_are_read_without_a_graph():
    assert not singular_values(torch.nn.Linear(3, 4).weight).requires_grad


@pytest.mark.parametrize("smallest", [1e-2, 1e-9])  # by the Gram matrix, and by QR
def test_a_matrix_that_is_read_by_blocks_has_the_same_singular_values(smallest):
    W = with_spectrum(9000, 5, torch.tensor([1.0, 0.7, 0.3, 0.1, smallest], dtype=torch.float64))
    read = []

    def rows(where: slice) -> torch.Tensor:
        read.append(len(range(*where.indices(len(W)))))
        return W[where]

    assert torch.equal(singular_values(ByBlocks((9000, 5), rows)), singular_values(W))
    assert max(read) <= 4096
    W[7000, 3] = torch.nan
    with pytest.raises(DataError, match="1 NaN or infinite of 45000"):
        singular_values(ByBlocks((9000, 5), rows))


def test_a_wide_matrix_is_read_by_blocks_of_columns():
    W = torch.randn(5, 9000, generator=torch.Generator().manual_seed(0))
    read = []

    def part(where: slice | tuple[slice, slice]) -> torch.Tensor:
        read.append(W[where].numel())
        return W[where]

    assert torch.equal(singular_values(ByBlocks((5, 9000), part)), singular_values(W))
    assert max(read) <= 5 * 1024
    torch.testing.assert_close(singular_values(W), lapack(W), rtol=1e-6, atol=0)
    W[3, 7000] = -torch.inf
    with pytest.raises(DataError, match="1 NaN or infinite of 45000"):
        singular_values(ByBlocks((5, 9000), part))


@pytest.mark.parametrize("at_once", [64, 1 << 21])
@pytest.mark.parametrize("shape", [(300, 20), (20, 300), (1, 9)])
def test_blocks_are_the_whole_matrix_in_its_order(shape, at_once, monkeypatch):
    monkeypatch.setattr(by_blocks, "_NUMBERS_AT_ONCE", at_once)
    W = torch.arange(math.prod(shape)).reshape(shape)
    blocks = list(by_blocks.row_blocks(W))
    assert torch.equal(torch.cat([block.flatten() for block in blocks]), W.flatten())
    assert max(block.numel() for block in blocks) <= max(at_once, 20)
    tall = W if shape[0] >= shape[1] else W.mT
    assert torch.equal(torch.cat(list(by_blocks.tall_blocks(W, 7))), tall)
