"""Codes of 4 bits looked up, by the instructions of several processors, against an indexed table."""

import os
import subprocess
import sys

import pytest

LOOKED_UP = """
import numba, numpy as np
from eigenlm.machine.table_lookup import LOOKS_UP, add_looked_up, look_up

@numba.njit(error_model="numpy")
def both(words, row, values, x, tile, sums):
    look_up(words, row, values, tile)
    add_looked_up(words, row, values, x, 8, sums)

generator = np.random.default_rng(0)
codes, values = generator.integers(0, 16, (3, 8, 64)), generator.standard_normal(16).astype(np.float32)
words = (codes << 4 * np.arange(8)[:, None]).sum(1).astype(np.uint32)
x, tile, sums = generator.standard_normal(16).astype(np.float32), np.zeros((8, 64), np.float32), np.ones(64, np.float32)
both(words, 2, values, x, tile, sums)
wanted = values[codes[2]]
print(LOOKS_UP, (tile == wanted).all(), np.abs(sums - 1 - x[8:] @ wanted).max() < 1e-5)
"""


@pytest.mark.parametrize(
    ("features", "said"),
    [(None, None), ("+avx2,+fma", "True True True"), ("", "False False False")],
    ids=["this processor", "AVX2", "another"],
)
def test_codes_tell_their_values(features, said):
    from numba.core.codegen import get_host_cpu_features

    told = {} if features is None else {"NUMBA_CPU_FEATURES": features}
    if features and not set(features.split(",")) <= set(get_host_cpu_features().split(",")):
        pytest.skip("this processor has no AVX2")
    found = subprocess.run([sys.executable, "-c", LOOKED_UP], env=os.environ | told, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == said or (said is None and len(set(found.stdout.split())) == 1)
