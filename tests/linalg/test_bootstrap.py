import math

import numpy as np
import pytest
import torch

from eigenlm.linalg.bootstrap import bootstrap


def test_the_interval_of_a_mean_is_students():
    rng = np.random.default_rng(0)
    for n in (8, 30):
        x = rng.normal(size=n)
        found = bootstrap(lambda one: one.mean(), [torch.from_numpy(x)], count=4000, seed=0)
        half = {8: 2.364624, 30: 2.045230}[n] * x.std(ddof=1) / math.sqrt(n)
        assert found.value == pytest.approx(x.mean())
        # Draws of a mean of few are nearly normal, and percentiles of 4,000 of them known to some percent.
        assert found.high - found.low == pytest.approx(2 * half, rel=0.15)


def test_groups_are_drawn_each_by_itself_and_alike_for_a_seed():
    groups = [torch.arange(6.0), torch.arange(10.0, 13.0)]
    seen = []

    def figure(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        seen.append((one, other))
        return other.mean() - one.mean()

    found = bootstrap(figure, groups, count=50, seed=3)
    assert all(set(one.tolist()) <= set(range(6)) and set(other.tolist()) <= {10, 11, 12} for one, other in seen)
    assert found == bootstrap(figure, groups, count=50, seed=3)
    assert found != bootstrap(figure, groups, count=50, seed=4)


def test_one_case_has_no_interval():
    found = bootstrap(lambda x: x.sum(), [torch.ones(1)], count=10, seed=0)
    assert found.value == 1
    assert math.isnan(found.low)
    assert math.isnan(found.high)
