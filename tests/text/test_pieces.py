"""Pieces joined have the tokens of the whole."""

import random

import pytest

from eigenlm.errors import ConfigError
from eigenlm.text.pieces import pieces, pieces_of
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


def test_memory_is_asked_for_before_a_long_text_is_encoded_in_one_piece(bpe, monkeypatch):
    monkeypatch.setattr("eigenlm.machine.memory.free_memory", lambda device=None: 1 << 30)
    chunks = ["x" * (1 << 20)] * 4
    assert len(list(pieces_of(chunks, bpe))) == 1  # 1.7 GB, but few characters
    with pytest.raises(ConfigError, match=r"encoding 5,242,880 .* 2\.1 GB of memory .*; put the text on lines"):
        list(pieces_of([*chunks, *chunks], bpe))
    lines = "".join(random.Random(0).choices(["word \n", "a line\n"], k=1_000_000))
    assert len(pieces(lines, bpe)) > 2  # and each small
