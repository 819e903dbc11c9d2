"""Windows cover what they say they cover."""

import re
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eigenlm.errors import ConfigError, DataError
from eigenlm.text.tokenizer_training import train_tokenizer
from eigenlm.text.windows import evenly_spread, scored_windows, spread, token_windows, windows_across

from .conftest import CORPUS


def test_rows_joined_are_the_documents_with_the_end_token_after_each(bpe):
    rows = token_windows(CORPUS, bpe, 10)
    stream = [i for text in CORPUS for i in (*bpe.encode(text), bpe.eos)]
    assert rows.dtype == torch.int64
    assert rows.flatten().tolist() == stream[: len(stream) // 10 * 10]


def test_rows_overlap_by_the_stride(bpe):
    rows = token_windows(CORPUS, bpe, 10, stride=4)
    assert torch.equal(rows[:-1, 4:], rows[1:, :6])
    assert torch.equal(rows[::5], token_windows(CORPUS, bpe, 10, stride=20))


def test_a_blank_line_stands_between_where_there_is_no_end_token():
    tokenizer = train_tokenizer("bpe", CORPUS, 300, ())
    rows = token_windows(CORPUS, tokenizer, 1)
    assert tokenizer.decode(rows.flatten().tolist()) == "".join(text + "\n\n" for text in CORPUS)


@given(length=st.integers(2, 60), window=st.integers(2, 20), data=st.data())
def test_every_token_but_those_without_context_is_scored_once(length, window, data):
    stride = data.draw(st.integers(1, window))
    ids = list(range(100, 100 + length))
    scored = []
    for part in scored_windows(ids, window, stride):
        assert list(part.ids) == ids[part.start : part.start + window]
        assert 0 < part.num_scored < len(part.ids)
        if part.start and stride < window:
            assert part.num_scored <= stride
        scored += part.ids[-part.num_scored :]
    unscored = ids[::window] if stride == window else ids[:1]
    assert scored == [i for i in ids if i not in unscored]


def test_the_windows_of_a_perplexity_run():
    parts = list(scored_windows(range(2500), 1024))
    assert [(part.start, len(part.ids), part.num_scored) for part in parts] == [
        (0, 1024, 1023),
        (1024, 1024, 1023),
        (2048, 452, 451),
    ]


@pytest.mark.parametrize(("window", "stride"), [(0, None), (4, 0), (4, 5), (1, 1)])
def test_windows_that_cannot_be(window, stride):
    with pytest.raises(ConfigError):
        list(scored_windows([1, 2, 3], window, stride))


def test_too_little_text(bpe):
    with pytest.raises(DataError, match="at least 50 tokens, got 2"):
        token_windows(["a"], bpe, 50)
    with pytest.raises(DataError, match="at least 2 tokens, got 1"):
        list(scored_windows([1], 4))


def test_windows_of_a_short_text_are_spread_over_all_of_them(bpe):
    rows = token_windows(CORPUS, bpe, 10)
    assert torch.equal(windows_across(CORPUS, bpe, 10, 4), spread(rows, 4))
    assert torch.equal(windows_across(CORPUS, bpe, 10, len(rows) + 5), rows)


def test_of_a_long_text_stretches_are_read_that_reach_its_end(monkeypatch, bpe):
    monkeypatch.setattr("eigenlm.text.windows._SHORT", 1000)
    documents = [f"{i:03d} " * 200 for i in range(200)]
    rows = windows_across(iter(documents), bpe, 16, 8)
    assert rows.shape == (8, 16)
    numbers = [int(re.search(r"\d\d\d", bpe.decode(row.tolist()))[0]) for row in rows]
    assert numbers == sorted(numbers)
    assert numbers[0] == 0
    assert numbers[-1] > 170
    whole = "".join(documents)
    assert all(bpe.decode(row.tolist()) in whole for row in rows)
    with pytest.raises(DataError, match="at least 5000 tokens"):
        windows_across(["short"] * 3, bpe, 5000, 2)


@given(sizes=st.lists(st.integers(0, 90), min_size=1, max_size=40), most=st.integers(1, 6).map(lambda n: 2 * n))
def test_stretches_have_equal_distances(sizes, most):
    letters = iter(range(10**6))
    documents = ["".join(chr(0x4E00 + next(letters)) for _ in range(size)) for size in sizes]
    whole = "".join(documents)
    stretches = ["".join(parts) for parts in evenly_spread(documents, most, 7)]
    assert len(stretches) <= most
    places = [whole.index(stretch) for stretch in stretches]
    distances = {b - a for a, b in pairwise(places)}
    assert len(distances) <= 1
    if distances:
        (distance,) = distances
        assert len(whole) - places[-1] <= distance
        assert all(len(stretch) == 7 for stretch in stretches[:-1])
