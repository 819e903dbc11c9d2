import numpy as np
import pytest

from eigenlm.errors import DataError
from eigenlm.vectors.corpus import BOUNDARY, read_corpus

TEXT = "The king, the queen -- and “the” well-known king's son.\nKing and queen!\n\nthe end\n"


def said(corpus) -> list[str]:
    return ["|" if i == BOUNDARY else corpus.words[i] for i in corpus.ids]


def test_words_are_what_stands_between_white_space_without_signs_at_the_ends():
    corpus = read_corpus(TEXT, min_count=1)
    want = "the king the queen and the well-known king's son | king and queen | the end |"
    assert said(corpus) == want.split()
    assert corpus.words[0] == "the"
    assert dict(zip(corpus.words, corpus.counts.tolist()))["king"] == 2
    assert corpus.num_read == 14


def test_rare_words_are_left_out_and_the_most_frequent_come_first():
    corpus = read_corpus(TEXT, min_count=2)
    assert corpus.words == ("the", "king", "queen", "and")
    assert said(corpus) == ["the", "king", "the", "queen", "and", "the", "|", "king", "and", "queen", "|", "the", "|"]
    assert read_corpus(TEXT, min_count=1, most=2).words == ("the", "king")


@pytest.mark.parametrize("block", [7, 40])
def test_blocks_change_nothing(block, monkeypatch):
    text = "\n".join(f"alpha beta{i % 7} gamma delta{i % 3}" for i in range(50)) + " one two three " * 20
    whole = read_corpus(text, min_count=1)
    monkeypatch.setattr("eigenlm.vectors.corpus._BLOCK", block)
    parts = read_corpus(text.splitlines(), min_count=1)
    assert parts.words == whole.words
    assert [i for i in parts.ids if i >= 0] == [i for i in whole.ids if i >= 0]


def test_a_file_is_read_as_the_text_in_it(tmp_path):
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    from_file, from_text = read_corpus(tmp_path / "a.txt", min_count=1), read_corpus(TEXT, min_count=1)
    assert from_file.words == from_text.words
    assert np.array_equal(from_file.ids, from_text.ids)


@pytest.mark.parametrize("text", ["", "... -- !!", "each word once"])
def test_a_text_without_frequent_words_is_refused(text):
    with pytest.raises(
        DataError, match=r"^reading the corpus: expected a word that is there 5 times, got .*lower count$"
    ):
        read_corpus(text)
