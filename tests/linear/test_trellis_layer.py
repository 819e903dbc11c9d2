"""The bytes of a layer on a trellis, against a reading of its definition number by number."""

import numpy as np
import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.linalg.trellis import TRELLISES
from eigenlm.linear import TrellisLinear, linear_map
from eigenlm.linear.trellis import bytes_of_row, packed_rows


def drawn(m, n, bits, group, seed=0):
    draw = np.random.default_rng(seed)
    codes = torch.from_numpy(draw.integers(0, 1 << bits, (m, n), dtype=np.uint8))
    scales = torch.from_numpy(draw.integers(0, 16, (m, -(-n // group)), dtype=np.uint8))
    return codes, scales, torch.from_numpy(draw.uniform(0.01, 0.1, m)).bfloat16()


@pytest.mark.parametrize("bits", [*TRELLISES])
@pytest.mark.parametrize(("m", "n", "group"), [(6, 64, 32), (5, 7, 32), (9, 100, 16), (1, 33, 64), (3, 1, 1)])
def test_its_matrix_is_what_codes_scales_and_steps_say(bits, m, n, group):
    codes, scales, steps = drawn(m, n, bits, group)
    rows, trellis = packed_rows(codes, scales, steps, bits), TRELLISES[bits]
    layer = TrellisLinear.from_rows(rows, n, bits, group, None, torch.float32)
    want = torch.empty(m, n)
    for j in range(n):
        window = 0
        for i in range(m):
            window = (window << bits | int(codes[i, j])) % (1 << bits * trellis.memory)
            want[i, j] = float(steps[i]) * float(scales[i, j // group]) * float(trellis.levels()[window])
    torch.testing.assert_close(layer.dense(), want, rtol=1e-6, atol=0)  # products in float32
    assert layer.num_bytes == rows.numel() == m * bytes_of_row(n, bits, group)


@pytest.mark.parametrize(("columns", "bits", "size"), [(576, 3, 227), (1536, 3, 602), (576, 2, 155), (7, 4, 7)])
def test_bytes_of_a_row_are_its_step_scales_and_codes(columns, bits, size):
    assert bytes_of_row(columns, bits, 32) == size


@pytest.mark.parametrize(("bits", "group"), [(1, 32), (5, 32), (0, 32), (3, 0)])
def test_what_is_no_trellis_is_refused(bits, group):
    spec = {"kind": "trellis", "in_features": 4, "out_features": 4, "bits": bits, "group": group, "bias": False}
    with pytest.raises(
        ConfigError, match=r"^linear layer on a trellis: expected bits of 2, 3, 4, 8 and a group[^\n]*$"
    ):
        linear_map(spec)


def test_no_rows_and_no_columns():
    for rows, columns in ((0, 5), (5, 0)):
        layer = TrellisLinear.from_dense(torch.ones(rows, columns))
        assert layer.dense().shape == (rows, columns)
        assert layer(torch.ones(2, columns)).shape == (2, rows)
