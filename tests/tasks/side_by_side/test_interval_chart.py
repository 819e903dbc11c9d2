import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eigenlm.estimate import Estimate
from eigenlm.tasks.side_by_side.interval_chart import interval_chart

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 6))


@example([(-393878.0, 0.0, 406123.0)])
@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted), min_size=1, max_size=4))
def test_places_are_an_affine_map_of_numbers_with_0_among_them(ends):
    rows = [("", False, Estimate(low=low, value=value, high=high)) for low, value, high in ends]
    chart = interval_chart("", rows)
    known = [(float(text), place) for place, text in chart.ticks] + [(0.0, chart.zero)]
    known += [(x, place) for e, b in zip(ends, chart.bars) for x, place in zip(e, (b.left, b.middle, b.right))]
    assert all(0 <= place <= 100 for _, place in known)
    assert 2 <= len(chart.ticks) <= 7
    (low, start), (high, end) = min(known), max(known)
    for x, place in known:
        # Places have two digits, numbers at ticks six.
        assert place == pytest.approx(start + (end - start) * (x - low) / (high - low), abs=0.02)


def test_an_interval_without_ends_reaches_the_edges():
    chart = interval_chart("", [("", False, Estimate(value=0.5, low=-math.inf, high=math.inf))])
    (bar,) = chart.bars
    assert (bar.left, bar.right) == (0.0, 100.0)
    assert 0 < bar.middle < 100
