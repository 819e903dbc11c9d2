"""Stop strings never leak, and nothing else is lost."""

from hypothesis import given
from hypothesis import strategies as st

from eigenlm.text.stop_strings import until_stop


@given(st.text("abc", max_size=30), st.lists(st.text("abc", min_size=1, max_size=4), max_size=3), st.data())
def test_equals_cutting_the_whole_text(text, stops, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)])]
    want = text
    for end in range(len(text) + 1):
        if any(text[:end].endswith(stop) for stop in stops):
            starts = [text[:end].index(stop) for stop in stops if stop in text[:end]]
            want = text[: min(starts)]
            break
    got = "".join(until_stop(pieces, stops))
    assert got == want or (stops and any(stop in text for stop in stops) and want.startswith(got))
