"""Intervals against the classical one, and their coverage for a ratio of means."""

import pytest
import torch
from scipy import stats

from eigenlm.errors import ConfigError
from eigenlm.estimate import Estimate
from eigenlm.linalg.jackknife import jackknife


def test_of_a_mean_it_is_the_classical_interval():
    x = torch.randn(9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    low, high = stats.t.interval(0.95, 8, loc=x.mean().item(), scale=stats.sem(x.numpy()))
    found = jackknife(x, lambda mean: mean)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)  # the same formula, in another order


def test_coverage_of_a_ratio_of_means():
    draws = torch.randn(1000, 12, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 4.0
    draws[..., 1] += draws[..., 0]
    found = [jackknife(groups, lambda mean: mean[0] / mean[1]) for groups in draws]
    covered = sum(f.low <= 0.5 <= f.high for f in found) / 1000
    assert 0.93 <= covered <= 0.97  # three standard errors of a share of 1000


def test_roots_of_negative_ends_are_zero():
    assert Estimate(value=4.0, low=-1.0, high=9.0).root() == Estimate(value=2.0, low=0.0, high=3.0)


def test_one_group_gives_no_interval():
    with pytest.raises(ConfigError, match="two independent groups"):
        jackknife(torch.ones(1, dtype=torch.float64), lambda mean: mean)
