"""Products with matrices of few bits against float64, and what they leave to the dense matrix."""

import pytest
import torch

from eigenlm.linalg import coded_product
from eigenlm.linalg.coded_matrix import CodedMatrix, stacked
from eigenlm.linalg.coded_product import CodedProduct, serves

FORMS = pytest.mark.parametrize(
    ("ends", "lows"),
    [((0, 15), True), ((0, 15), False), ((0, 2), True), ((-127, 127), False), ((0, 31), True), ((-8, 7), False)],
    ids=["4 bits", "4 bits from 0", "2 bits", "8 bits", "5 bits", "4 bits around 0"],
)
SIZES = pytest.mark.parametrize(
    ("rows", "columns", "group"), [(64, 32, 32), (130, 96, 32), (3, 16, 16), (65, 40, 40), (1, 8, 8), (200, 1536, 1536)]
)


@pytest.fixture(params=["looked up", "not looked up"])
def either(request, monkeypatch):
    """With and without what some processors do."""
    if request.param == "not looked up":
        monkeypatch.setattr(coded_product, "LOOKS_UP", False)


def matrix(rows, columns, group, ends=(0, 15), lows=True, dtype=torch.float32):
    generator = torch.Generator().manual_seed(rows)
    codes = torch.randint(ends[0], ends[1] + 1, (rows, columns), generator=generator).to(torch.int8)
    steps, least = 0.01 + torch.rand(2, rows, columns // group, generator=generator)
    return CodedMatrix(codes=codes, steps=steps, lows=-7 * least if lows else None, dtype=dtype)


@pytest.mark.usefixtures("either")
@FORMS
@SIZES
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_float32_sums_are_near_the_exact_ones(rows, columns, group, ends, lows, count):
    W, x, b = matrix(rows, columns, group, ends, lows), torch.randn(count, columns), torch.randn(rows)
    exact = x.double() @ W.dense().double().mT + b.double()
    size = x.double().abs() @ (16 * W.steps.repeat_interleave(group, 1) + W.dense().abs()).double().mT + b.abs()
    # float32 sums of terms no larger than `size`, one rounding of 2^-24 each in groups and over groups
    assert bool(((CodedProduct(W)(x, b) - exact).abs() <= 2e-6 * size).all())


@pytest.mark.usefixtures("either")
@FORMS
@pytest.mark.parametrize("count", [1, 3])
def test_bfloat16_is_rounded_once(ends, lows, count):
    W, b = matrix(130, 96, 32, ends, lows), torch.randn(130)
    x = torch.randn(count, 96).bfloat16()
    exact = x.double() @ W.dense().double().mT + b.double()
    got = CodedProduct(W)(x, b)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.double(), exact, rtol=2**-8, atol=1e-3)  # half a step of 8 bits; sums near 0


def test_halves_round_to_even_and_what_is_no_number_stays_so():
    ones = CodedMatrix(codes=torch.ones(6, 8, dtype=torch.int8), steps=torch.ones(6, 1))
    b = torch.tensor([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, torch.inf, torch.nan, -torch.inf])
    got = CodedProduct(ones)(torch.zeros(1, 8).bfloat16(), b)
    assert torch.equal(got[0].nan_to_num(nan=7.0), b.bfloat16().nan_to_num(nan=7.0))


@pytest.mark.usefixtures("either")
@FORMS
@SIZES
@pytest.mark.parametrize(("dtype", "bits"), [(torch.float32, 24), (torch.bfloat16, 8)])
def test_it_is_unpacked_with_one_rounding(rows, columns, group, ends, lows, dtype, bits):
    W = matrix(rows, columns, group, ends, lows)
    products = W.codes.double() * W.steps.double().repeat_interleave(group, 1)
    exact = products if W.lows is None else products + W.lows.double().repeat_interleave(group, 1)
    got = CodedProduct(W).transposed(dtype).mT
    assert got.dtype == dtype
    # half a step of the last bit, and of float32's, which a sum near 0 keeps of its terms
    assert bool(((got.double() - exact).abs() <= 2.0**-bits * exact.abs() + 2.0**-24 * products.abs()).all())


def test_threads_change_no_bit():
    W, x, b = matrix(1000, 64, 32), torch.randn(3, 64), torch.zeros(1000)
    product, threads = CodedProduct(W), torch.get_num_threads()
    try:
        results = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results += [(product(x, b), product(x[:1], b), product.transposed(torch.float32))]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for result in results for one, other in zip(results[0], result))


def test_rows_that_do_not_lie_side_by_side():
    W, x, b = matrix(64, 32, 32), torch.randn(32, 3).mT, torch.zeros(64)
    assert torch.equal(CodedProduct(W)(x, b), CodedProduct(W)(x.contiguous(), b))


def test_codes_of_four_bits_take_half_a_byte():
    assert CodedProduct(matrix(128, 64, 32)).num_bytes == 128 * 64 // 2 + 2 * 4 * 128 * 2
    assert CodedProduct(matrix(128, 64, 32, (-9, 9), lows=False)).num_bytes == 128 * 64 + 4 * 128 * 2


def test_groups_that_are_no_whole_tiles_are_left_alone():
    assert serves(matrix(5, 24, 8))
    assert not serves(matrix(5, 24, 12))
    assert not serves(matrix(5, 7, 7))
    assert not serves(matrix(0, 8, 8))


def test_rows_of_several_make_one_matrix():
    parts = [matrix(rows, 64, 32) for rows in (3, 5, 130)]
    whole = stacked(parts)
    assert whole is not None
    assert torch.equal(whole.dense(), torch.cat([part.dense() for part in parts]))
    assert stacked([*parts, matrix(3, 32, 32)]) is None
    assert stacked([*parts, matrix(3, 64, 32, dtype=torch.bfloat16)]) is None


def test_rows_of_several_forms_make_one_matrix():
    parts = [matrix(3, 96, 48), matrix(5, 96, 32, (-8, 7), lows=False), matrix(70, 96, 96)]
    whole = stacked(parts)
    assert whole is not None
    assert whole.group == 16
    assert torch.equal(whole.dense(), torch.cat([part.dense() for part in parts]))


def of_values(values, rows, columns=64):
    places = torch.randint(len(values), (rows, columns), generator=torch.Generator().manual_seed(rows))
    steps = torch.rand(rows, columns // 32) + 0.1
    return CodedMatrix(codes=torch.tensor(values, dtype=torch.int8)[places], steps=steps)


FOUR_BITS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("count", [1, 3])
def test_sixteen_values_of_any_size_are_found_again(count):
    W = stacked([of_values(FOUR_BITS, 64), of_values([0, 1, 2, 3, 4, 6, 8, 12, -1, -2, -3, -4, -6, -8, -12], 100)])
    x, b = torch.randn(count, 64), torch.randn(164)
    exact = x.double() @ W.dense().double().mT + b.double()
    product = CodedProduct(W)
    torch.testing.assert_close(product(x, b).double(), exact, rtol=1e-5, atol=1e-3)
    assert torch.equal(product.transposed(torch.float32).mT, W.dense())


@pytest.mark.skipif(not coded_product.LOOKS_UP, reason="this processor looks nothing up")
def test_blocks_of_other_values_keep_to_half_a_byte():
    both = stacked([of_values(FOUR_BITS, 64), of_values(range(-8, 8), 64)])
    assert CodedProduct(both).num_bytes == 128 * 64 // 2 + 2 * 4 * 128
    assert CodedProduct(of_values(range(-8, 9), 64)).num_bytes == 64 * 64 + 2 * 4 * 64
