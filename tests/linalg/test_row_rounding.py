import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eigenlm.linalg.row_rounding import packed_halves, round_rows, unpacked_halves


@given(st.integers(0, 10_000), st.integers(2, 8))
@settings(max_examples=60, deadline=None)
def test_every_number_is_within_half_a_step(seed: int, bits: int) -> None:
    W = torch.randn(7, 9, generator=torch.Generator().manual_seed(seed)) * 10.0 ** torch.arange(-3, 4)[:, None]
    rounded = round_rows(W, bits)
    # float32 rounds W / s and the product: a relative 2^-23 of at most q steps
    assert bool(((rounded.dense() - W).abs() <= rounded.steps[:, None] * (0.5 + 2**-14)).all())
    assert int(rounded.codes.abs().max()) == 2 ** (bits - 1) - 1
    assert torch.allclose(rounded.dense().abs().amax(1), W.abs().amax(1))  # the largest of a row is a code itself


def test_zero_rows_and_tables_without_numbers_stay() -> None:
    assert round_rows(torch.zeros(2, 3), 8).dense().tolist() == [[0, 0, 0], [0, 0, 0]]
    assert round_rows(torch.zeros(2, 0), 4).dense().shape == (2, 0)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_two_codes_share_a_byte_and_come_back(n: int) -> None:
    codes = torch.randint(-7, 8, (6, n), dtype=torch.int8, generator=torch.Generator().manual_seed(n))
    packed = packed_halves(codes)
    assert packed.shape == (6, (n + 1) // 2)
    assert torch.equal(unpacked_halves(packed), codes)
    assert round_rows(codes.float(), 4).num_bytes == packed.numel() + 4 * 6
