"""The order is a permutation, is found at once, and looks like chance."""

import time

import numpy as np
import pytest
from scipy import stats

from eigenlm.errors import ConfigError
from eigenlm.text.order import Permutation, epoch_offset


def shuffled(size: int, seed: int = 0, epoch: int = 0) -> np.ndarray:
    return Permutation(size, seed, epoch)(np.arange(size))


@pytest.mark.parametrize("size", [*range(1, 70), 255, 256, 257, 1000, 4095, 9973, 100_000])
def test_every_index_comes_once(size):
    assert np.array_equal(np.sort(shuffled(size, seed=size)), np.arange(size))


def test_one_index_goes_where_it_goes_among_all():
    whole = shuffled(1001)
    permutation = Permutation(1001, 0, 0)
    assert [int(permutation(np.array(i))) for i in range(1001)] == whole.tolist()


def test_the_order_stays_what_it_was():
    # A run that was begun must go on in the same order, so these come from the day the rule was written down.
    assert shuffled(10, seed=1, epoch=2).tolist() == [5, 1, 3, 9, 4, 6, 2, 7, 0, 8]


@pytest.mark.parametrize("size", [10**11, 2**62 + 3])
def test_a_far_place_is_found_at_once(size):
    permutation = Permutation(size, seed=3, epoch=4)
    begin = time.process_time()
    place = int(permutation(np.array(10**10)))
    assert time.process_time() - begin < 1  # 0.1 ms measured; stepping there would take minutes
    assert 0 <= place < size
    many = permutation(np.arange(10**10, 10**10 + 1000))
    assert many[0] == place
    assert len(set(many.tolist())) == 1000
    assert many.max() < size


def test_another_epoch_or_seed_is_another_order():
    orders = [shuffled(1000, seed, epoch).tolist() for seed in (0, 1, -1) for epoch in (0, 1, 2)]
    agree = [sum(a == b for a, b in zip(x, y)) for i, x in enumerate(orders) for y in orders[:i]]
    assert max(agree) < 10  # of two random orders about one place agrees, above 9 in one of 10^7


def test_small_sets_go_through_all_their_orders_evenly():
    counts: dict[tuple, int] = {}
    for epoch in range(6000):
        order = tuple(shuffled(4, seed=7, epoch=epoch).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    assert stats.chisquare(list(counts.values())).pvalue > 1e-4


def test_where_things_go_looks_like_chance():
    size = 40_000
    order = shuffled(size, seed=5)
    # Neighbours, and places a row of the network apart, end up uncorrelated: standard error 1/sqrt(size) = 0.005.
    for lag in (1, 2, 199, 200, 201):
        assert abs(np.corrcoef(order[:-lag], order[lag:])[0, 1]) < 0.025
    assert abs(np.corrcoef(order, np.arange(size))[0, 1]) < 0.025
    # Each tenth goes evenly into all tenths.
    table = np.histogram2d(np.arange(size), order, bins=10)[0]
    assert stats.chi2_contingency(table).pvalue > 1e-4
    # The gaps between neighbours are those of a random order, triangular on (-size, size).
    gaps = np.diff(order)[::2] / size
    assert stats.kstest(gaps, stats.triang(0.5, -1, 2).cdf).pvalue > 1e-4


def test_offsets_spread_over_the_circle():
    offsets = [epoch_offset(1000, seed=0, epoch=epoch) for epoch in range(2000)]
    assert stats.kstest(np.array(offsets) / 1000, "uniform").pvalue > 1e-4
    assert epoch_offset(1, seed=0, epoch=5) == 0
    assert [epoch_offset(1000, seed=1, epoch=epoch) for epoch in range(3)] == [825, 110, 459]


def test_orders_that_cannot_be():
    with pytest.raises(ConfigError, match="at least 1 sample, got 0"):
        Permutation(0, 0, 0)
    with pytest.raises(ConfigError, match="indices from 0 to 4, got 5 to 5"):
        Permutation(5, 0, 0)(np.array(5))
