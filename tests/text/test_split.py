"""A split depends on the texts alone, and leaves no side empty."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigenlm.errors import ConfigError, DataError
from eigenlm.text.split import assigned_documents, cut_off, split_documents


@given(texts=st.lists(st.text(max_size=5), max_size=30), seed=st.integers(0, 9))
def test_a_split_is_disjoint_and_a_function_of_the_text(texts, seed):
    first, second = split_documents(texts, 0.5, seed)
    assert sorted(first + second) == sorted(texts)
    assert not set(first) & set(second)
    for text in texts:
        assert split_documents([text], 0.5, seed)[0] == ([text] if text in first else [])


def test_a_split_has_the_fraction_asked_for():
    first, _ = split_documents(map(str, range(10_000)), 0.2)
    assert abs(len(first) - 2000) < 200  # five standard deviations of a binomial count
    assert split_documents(map(str, range(100)), 0.2, seed=1)[0] != split_documents(map(str, range(100)), 0.2)[0]


@given(
    texts=st.lists(st.sampled_from("abcdefgh").map(lambda letter: letter * 9), min_size=1, max_size=12),
    fraction=st.sampled_from([0.02, 0.3, 0.98]),
    seed=st.integers(0, 9),
)
def test_neither_side_is_empty_and_copies_stay_together(texts, fraction, seed):
    assigned = list(assigned_documents(texts, fraction, seed))
    sides = [{text for text, apart in assigned if apart == side} for side in (False, True)]
    assert all(sides)
    assert not sides[0] & sides[1]
    if len(set(texts)) == 1:
        assert [a + b for (a, _), (b, _) in zip(assigned[::2], assigned[1::2])] == texts
        return
    assert sorted(text for text, _ in assigned) == sorted(texts)
    by_hash = split_documents(texts, fraction, seed)
    if all(by_hash):
        assert sides[1] == set(by_hash[0])
    else:
        assert min(len(side) for side in sides) == 1
        assert set(assigned) == set(assigned_documents(sorted(texts), fraction, seed))  # in whatever order they come


def test_the_text_next_to_the_border_changes_sides():
    texts = [str(i) for i in range(30)]
    (apart,) = [text for text, apart in assigned_documents(texts, 1e-6) if apart]
    # As the fraction grows, the first text that the hash itself would keep apart.
    for fraction in (i / 1000 for i in range(1, 1000)):
        first, _ = split_documents(texts, fraction)
        if first:
            assert first == [apart]
            return


@given(text=st.text("ab\n", min_size=2, max_size=60), fraction=st.floats(0.01, 0.99))
def test_a_lone_text_is_cut_in_two(text, fraction):
    first, second = cut_off(text, fraction)
    assert first + second == text
    assert first
    assert second
    size = min(max(round(len(text) * fraction), 1), len(text) - 1)
    assert size <= len(second) <= 2 * size
    if len(second) > size:
        assert first.endswith("\n")


def test_a_book_is_cut_at_a_line():
    book = "".join(f"line {i}\n" for i in range(1000))
    assigned = list(assigned_documents([book], 0.05))
    assert [apart for _, apart in assigned] == [False, True]
    assert "".join(text for text, _ in assigned) == book
    assert assigned[1][0].startswith("line ")
    assert 0.05 <= len(assigned[1][0]) / len(book) < 0.051


def test_documents_are_not_hoarded():
    taken = 0

    def documents():
        nonlocal taken
        for taken in range(1, 1001):
            yield f"document {taken}"

    most = 0
    for given_out, _ in enumerate(assigned_documents(documents(), 1e-9), start=1):
        most = max(most, taken - given_out)
    assert most == 1


def test_splits_that_cannot_be():
    for split in (split_documents, lambda *arguments: list(assigned_documents(*arguments))):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            split(["a"], 1.0)
    with pytest.raises(DataError, match="expected some text, got none"):
        list(assigned_documents([], 0.1))
    with pytest.raises(DataError, match="at least 2 characters, got 1"):
        list(assigned_documents(["a"], 0.1))
