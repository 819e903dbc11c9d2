"""Shares that were counted in groups, against Wilson's interval, exact identities and simulated groups."""

import pytest
import torch

from eigenlm.linalg.clustered_share import clustered_share
from eigenlm.linalg.wilson import wilson


def test_groups_of_one_case_are_independent_cases():
    cases = torch.arange(2000) % 10 < 9
    found, want = clustered_share(cases.float(), torch.ones(2000)), wilson(1800, 2000)
    assert found.value == want.value == 0.9
    # Student's quantile of 1,999 degrees of freedom, and 2,000 / 1,999 in the variance.
    assert (found.low, found.high) == (pytest.approx(want.low, abs=1e-4), pytest.approx(want.high, abs=1e-4))


def test_cases_that_repeat_each_other_tell_nothing_more():
    counts, totals = torch.tensor([8.0, 10.0, 9.0, 3.0]), torch.tensor([10.0, 10.0, 12.0, 4.0])
    once, often = clustered_share(counts, totals), clustered_share(7 * counts, 7 * totals)
    for end in ("value", "low", "high"):
        assert getattr(often, end) == pytest.approx(getattr(once, end), abs=1e-12)


def test_where_all_cases_agree_the_interval_has_a_width_and_stays_within_one():
    found = clustered_share(torch.full((10,), 50.0), torch.full((10,), 50.0))
    assert found.value == pytest.approx(found.high) == pytest.approx(1.0)
    assert 0.98 < found.low < 0.995  # Wilson of 500 cases begins at .9924, of ten at .72


def test_one_group_says_nothing_of_others():
    found = clustered_share(torch.tensor([3.0]), torch.tensor([4.0]))
    assert (found.low, found.value, found.high) == (0.0, 0.75, 1.0)


def test_intervals_hold_the_true_share_as_often_as_they_say():
    torch.manual_seed(0)
    draws, W, size, share = 600, 12, 60, 0.9
    p = torch.distributions.Beta(share * 15, (1 - share) * 15).sample((draws, W))
    counts = torch.binomial(torch.full_like(p, size), p)
    found = [clustered_share(each, torch.full((W,), float(size))) for each in counts]
    naive = [wilson(float(each.sum()), W * size) for each in counts]
    held, naively = (sum(one.low <= share <= one.high for one in each) / draws for each in (found, naive))
    assert 0.93 < held < 0.985  # a binomial's spread over 600 draws is .009
    assert naively < 0.75  # as if tokens of one window were independent
