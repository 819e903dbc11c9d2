"""Levels that depend on the codes before: their windows, and the best path, against all paths."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import norm

from eigenlm.linalg.trellis import TRELLISES, Trellis
from eigenlm.linalg.trellis_rounding import _path

FEW = [trellis for trellis in TRELLISES.values() if trellis.memory > 1]
BITS = pytest.mark.parametrize("trellis", FEW, ids=lambda trellis: f"{trellis.bits} bits")


def windows_one_by_one(codes, trellis):
    found, window = [], 0
    for code in codes:
        window = (window << trellis.bits | int(code)) % (1 << trellis.bits * trellis.memory)
        found.append(window)
    return found


@BITS
def test_levels_are_the_quantiles_of_a_normal_distribution_each_once(trellis):
    number = 1 << trellis.bits * trellis.memory
    want = norm(scale=trellis.spread).ppf((np.arange(number) + 0.5) / number)
    np.testing.assert_allclose(np.sort(trellis.levels()), want, rtol=1e-6)


@BITS
@pytest.mark.parametrize("rows", [1, 2, 9])
def test_windows_are_of_the_last_codes_of_each_column(trellis, rows):
    codes = np.random.default_rng(rows).integers(0, 1 << trellis.bits, (rows, 3), dtype=np.uint8)
    found = trellis.windows(torch.from_numpy(codes))
    for column in range(3):
        assert found[:, column].tolist() == windows_one_by_one(codes[:, column], trellis)


@pytest.mark.parametrize(("trellis", "length"), [(FEW[0], 5), (FEW[1], 4), (FEW[2], 3)])
@pytest.mark.parametrize("seed", range(4))
def test_the_path_is_the_best_of_all(trellis, length, seed):
    draw = np.random.default_rng(seed)
    x, w = draw.normal(size=length).astype(np.float32), draw.uniform(0.1, 2, length).astype(np.float32)
    levels, before = trellis.levels(), [int(code) for code in draw.integers(0, 1 << trellis.bits, trellis.memory)]
    costs = {}
    for codes in product(range(1 << trellis.bits), repeat=length):
        windows = windows_one_by_one([*before, *codes], trellis)[trellis.memory :]
        costs[codes] = float((w.astype(float) * (x - levels[windows]).astype(float) ** 2).sum())
    places = np.empty(length, np.int64)
    _path(x, w, levels.reshape(1 << trellis.bits, -1), windows_one_by_one(before, trellis)[-1], places)
    found = tuple(int(place) & (1 << trellis.bits) - 1 for place in places)
    assert costs[found] == pytest.approx(min(costs.values()), rel=1e-5)
    assert places.tolist() == windows_one_by_one([*before, *found], trellis)[trellis.memory :]


@BITS
def test_normal_numbers_lose_less_than_by_the_best_levels_without_memory(trellis):
    """Those leave .1175, .03454 and .009497 (Max 1960); no code leaves less than 4^-bits."""
    x = np.random.default_rng(0).normal(size=20_000).astype(np.float32)
    places = np.empty(len(x), np.int64)
    levels = trellis.levels()
    _path(x, np.ones_like(x), levels.reshape(1 << trellis.bits, -1), 0, places)
    error = float(np.mean((x - levels[places]) ** 2))
    without_memory = {2: 0.1175, 3: 0.03454, 4: 0.009497}[trellis.bits]
    assert 4.0**-trellis.bits < error < 0.7 * without_memory


def test_without_memory_levels_are_equal_steps():
    assert Trellis(bits=2, memory=1).levels().tolist() == pytest.approx([-1, -1 / 3, 1 / 3, 1])
