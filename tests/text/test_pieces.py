"""Pieces joined have the tokens of the whole."""

import random

import pytest

from eigenlm.text.pieces import pieces, pieces_of
from eigenlm.text.reading import ReadText
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_training import train_tokenizer

from .conftest import CORPUS

LINES = [*CORPUS, "", "", "    indented", "\ttabs  and   spaces ", "=" * 300, "the\r", " " * 300]


def book(seed: int, num_lines: int = 4000) -> str:
    return "\n".join(random.Random(seed).choices(LINES, k=num_lines))


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram", "character"])
@pytest.mark.parametrize("seed", [0, 1])
def test_pieces_have_the_tokens_of_the_whole(kind, seed):
    text = book(seed)
    tokenizer = train_tokenizer(kind, [text[:20_000]], 600)
    parts = pieces(text, tokenizer)
    assert "".join(parts) == text
    assert [i for ids in tokenizer.encode_batch(parts) for i in ids] == tokenizer.encode(text)
    if kind != "unigram":  # which marks the beginning of each text
        assert len(parts) > 2
        assert max(map(len, parts)) < 70_000


def test_a_text_without_line_starts_stays_whole(bpe):
    assert pieces("word " * 50_000, bpe) == ["word " * 50_000]
    assert pieces("short\ntext", bpe) == ["short\ntext"]
    assert pieces("x" * 70_000 + "\n", bpe) == ["x" * 70_000 + "\n"]


def test_white_space_that_reaches_far_is_no_border(bpe):
    text = "a" + "\n" * 200_001 + "b"
    assert pieces(text, bpe) == [text]


def test_a_tokenizer_without_a_pre_tokenizer_gets_the_whole():
    tokenizer = train_tokenizer("bpe", CORPUS, 400)
    tokenizer.library.pre_tokenizer = None
    assert pieces(book(0), Tokenizer(tokenizer.library)) == [book(0)]


@pytest.mark.parametrize("size", [1000, 65_000, 200_000])
@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_a_text_that_comes_in_chunks_has_the_tokens_of_the_whole(kind, size):
    text = book(2)
    tokenizer = train_tokenizer(kind, [text[:20_000]], 600)
    parts = list(pieces_of((text[start : start + size] for start in range(0, len(text), size)), tokenizer))
    assert "".join(parts) == text
    assert [i for ids in tokenizer.encode_batch(parts) for i in ids] == tokenizer.encode(text)
    read = ReadText(text, tokenizer)
    assert list(read) == tokenizer.encode(text)
    assert (read.num_bytes, read.num_tokens) == (len(text.encode()), read.expected_tokens())


ODD = ["e\u0301\u0323", "\u200d\U0001f469\u200d\U0001f680", "\r", "\t", "  ", "\n", "\n\n", "\u4e2d\u6587"]
ODD += ["1" * 40, "<|end|>", "'s", "\u0130"]


@pytest.mark.parametrize("control", [False, True])
def test_odd_texts_are_cut_where_no_token_changes(monkeypatch, bpe, control):
    monkeypatch.setattr("eigenlm.text.pieces._PIECE", 200)
    for seed in range(20):
        generator = random.Random(seed)
        text = "".join(generator.choice([*ODD, "word ", "matrix", "\nline "]) for _ in range(600))
        parts = list(pieces_of((text[i : i + 97] for i in range(0, len(text), 97)), bpe, control=control))
        assert "".join(parts) == text
        joined = [i for ids in bpe.encode_batch(parts, control=control) for i in ids]
        assert joined == bpe.encode(text, control=control)
