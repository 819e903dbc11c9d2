"""The bytes of a layer on a trellis, against a reading of its definition number by number."""

import numpy as np
import pytest
import torch

from eigenlm.errors import ConfigError
from eigenlm.linalg.trellis import TRELLISES
from eigenlm.linear import TrellisLinear, linear_map
from eigenlm.linear.trellis import bytes_of_row, packed_apart, packed_rows


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
    places, numbers = torch.tensor([0, m * n - 1], dtype=torch.int32), torch.tensor([2.5, -7.0])
    layer = TrellisLinear.from_rows(rows, packed_apart(places, numbers), (n, bits, group), None, torch.float32)
    want = torch.empty(m, n)
    for j in range(n):
        window = 0
        for i in range(m):
            window = (window << bits | int(codes[i, j])) % (1 << bits * trellis.memory)
            want[i, j] = float(steps[i]) * float(scales[i, j // group]) * float(trellis.levels()[window])
    want[0, 0], want[-1, -1] = 2.5, -7.0
    torch.testing.assert_close(layer.dense(), want, rtol=1e-6, atol=0)  # products in float32
    assert layer.num_bytes == m * bytes_of_row(n, bits, group) + 2 * 6
    assert layer.fault() == ""


@pytest.mark.parametrize(("columns", "bits", "size"), [(576, 3, 227), (1536, 3, 602), (576, 2, 155), (7, 4, 7)])
def test_bytes_of_a_row_are_its_step_scales_and_codes(columns, bits, size):
    assert bytes_of_row(columns, bits, 32) == size


@pytest.mark.parametrize(("bits", "group"), [(1, 32), (5, 32), (0, 32), (3, 0)])
def test_what_is_no_trellis_is_refused(bits, group):
    sizes = {"in_features": 4, "out_features": 4, "bits": bits, "group": group, "num_apart": 0}
    with pytest.raises(
        ConfigError, match=r"^linear layer on a trellis: expected bits of 2, 3, 4, 8 and a group[^\n]*$"
    ):
        linear_map({"kind": "trellis", "bias": False, **sizes})


@pytest.mark.parametrize("place", [-1, 12])
def test_a_number_that_has_no_place_is_told(place):
    rows = packed_rows(*drawn(3, 4, 2, 32), 2)
    apart = packed_apart(torch.tensor([0, place], dtype=torch.int32), torch.ones(2))
    layer = TrellisLinear.from_rows(rows, apart, (4, 2, 32), None, torch.float32)
    assert layer.fault() == "apart: expected places from 0 to 11, got others"


def test_no_rows_and_no_columns():
    for rows, columns in ((0, 5), (5, 0)):
        layer = TrellisLinear.from_dense(torch.ones(rows, columns))
        assert layer.dense().shape == (rows, columns)
        assert layer(torch.ones(2, columns)).shape == (2, rows)
