"""Codes that are found again in dense matrices, against gguf's own rounding."""

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize, quantize

from eigenlm.linalg.lossless_codes import lossless_codes

TYPES = pytest.mark.parametrize("name", ["Q4_0", "Q4_1", "Q8_0"])


def rounded(name, rows=20, columns=96):
    W = np.random.default_rng(rows).standard_normal((rows, columns), dtype=np.float32)
    W[3] = 0
    kind = GGMLQuantizationType[name]
    return torch.from_numpy(dequantize(quantize(W, kind), kind))


@TYPES
def test_what_was_read_from_blocks_is_found_to_the_bit(name):
    W = rounded(name)
    found = lossless_codes(W)
    assert found is not None
    assert torch.equal(found.dense(), W)
    least, largest = found.codes.aminmax()
    assert (int(least), int(largest)) == ((0, 15) if name != "Q8_0" else (-127, 127))


@TYPES
def test_one_other_number_is_enough_to_leave_it_dense(name):
    for row in (0, 19):
        W = rounded(name)
        W[row, 40] = torch.nextafter(W[row, 40], torch.tensor(9.0))
        assert lossless_codes(W) is None


@pytest.mark.parametrize(
    "W",
    [
        torch.randn(40, 64),
        torch.full((4, 32), torch.nan),
        torch.full((4, 32), torch.inf),
        rounded("Q4_1")[:, :40],
        rounded("Q4_1").bfloat16(),
        torch.zeros(0, 32),
        torch.zeros(4, 0),
    ],
    ids=["dense", "nan", "inf", "cut groups", "bfloat16", "no rows", "no columns"],
)
def test_other_matrices_stay_dense(W):
    assert lossless_codes(W) is None
