"""Stop strings never leak, and nothing else is lost."""

from hypothesis import given
from hypothesis import strategies as st

from eigenlm.text.stop_strings import StopStrings


@given(st.text("abc", max_size=30), st.lists(st.text("abc", min_size=1, max_size=4), max_size=3), st.data())
def test_equals_cutting_the_whole_text(text, stops, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)])]
    end = next((end for end in range(len(text) + 1) if any(text[:end].endswith(stop) for stop in stops)), None)
    start = None if end is None else end - max(len(stop) for stop in stops if text[:end].endswith(stop))
    watch = StopStrings(stops)
    assert "".join([*map(watch.push, pieces), watch.finish()]) == text[:start]
