"""The permutation test against every partition, one by one, and against scipy's."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from eigenlm.vectors.bias import permutation_test as module
from eigenlm.vectors.bias.permutation_test import permutation_test


def naive(first: np.ndarray, second: np.ndarray) -> float:
    values = np.concatenate([first, second])
    reached = [
        sum(values[list(some)]) >= first.sum() - 1e-9 for some in itertools.combinations(range(len(values)), len(first))
    ]
    return sum(reached) / len(reached)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 6), (3, 3), (8, 8), (5, 9), (9, 4)])
@pytest.mark.parametrize("shift", [0.0, 1.0, -1.0])
def test_every_way_is_counted(n, m, shift):
    rng = np.random.default_rng(n * 100 + m)
    first, second = rng.normal(size=n) + shift, rng.normal(size=m)
    found = permutation_test(torch.from_numpy(first), torch.from_numpy(second))
    assert found.exact
    assert found.ways == math.comb(n + m, n)
    assert found.p.value == naive(first, second)
    assert found.p.low == found.p.high == found.p.value


def test_scipy_says_the_same():
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=6) + 0.5, rng.normal(size=6)
    theirs = stats.permutation_test(
        (first, second), lambda x, y: x.mean() - y.mean(), alternative="greater", n_resamples=np.inf
    )
    found = permutation_test(torch.from_numpy(first), torch.from_numpy(second))
    assert found.p.value == pytest.approx(theirs.pvalue, rel=1e-12)


def test_equal_sums_count_however_they_round():
    values = torch.tensor([0.1, 0.2, 0.3, 0.1, 0.2, 0.3], dtype=torch.float64)
    found = permutation_test(values[:3], values[3:])  # 8 of 20 ways have one of each value, and 0.1 + 0.2 + 0.3 rounds
    assert found.p.value == naive(values[:3].numpy(), values[3:].numpy())
    assert permutation_test(torch.zeros(4).double(), torch.zeros(4).double()).p.value == 1


def test_forty_values_are_counted_exactly_where_they_cannot_be_listed():
    """20 of 40 consecutive numbers: the number of ways to each sum is a coefficient of the Gaussian binomial."""
    ways = [[0] * 781 for _ in range(21)]
    ways[0][0] = 1
    for value in range(40):
        for k in range(20, 0, -1):
            for total in range(780, value - 1, -1):
                ways[k][total] += ways[k - 1][total - value]
    first = [*range(1, 40, 2)]
    second = [*range(0, 40, 2)]
    found = permutation_test(torch.tensor(first).double(), torch.tensor(second).double())
    assert found.exact
    assert found.p.value == sum(ways[20][sum(first) :]) / math.comb(40, 20)


def test_many_values_are_drawn_with_an_interval_around_the_exact_share(monkeypatch):
    rng = np.random.default_rng(0)
    first, second = torch.from_numpy(rng.normal(size=10) + 0.5), torch.from_numpy(rng.normal(size=10))
    exact = permutation_test(first, second)
    monkeypatch.setattr(module, "_MOST_SUMS", 8)
    drawn = permutation_test(first, second, seed=1)
    assert (exact.exact, drawn.exact, drawn.ways) == (True, False, 100_001)
    assert drawn.p.low < exact.p.value < drawn.p.high
    assert drawn.p.low < drawn.p.value < drawn.p.high
    assert drawn == permutation_test(first, second, seed=1)
    assert drawn != permutation_test(first, second, seed=2)
    far = permutation_test(torch.cat([first, first]) + 50, torch.cat([second, second]), seed=1)
    assert far.p.value == 1 / 100_001
    assert far.p.high < 1e-4
