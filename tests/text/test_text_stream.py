"""Pieces of a stream are whole characters and join to the text of the whole sequence."""

import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models

from eigenlm.text.tokenizer import Tokenizer


@given(text=st.text(max_size=20))
def test_pieces_join_to_the_text_and_none_is_half_a_character(bpe, text):
    stream = bpe.decode_stream()
    given_out = [stream.push(i) for i in bpe.encode(text)]
    assert stream.finish() == ""
    assert "".join(given_out) == text


@given(ids=st.lists(st.integers(3, 399), max_size=30))
def test_any_ids_even_broken_bytes_give_what_decode_gives(bpe, ids):
    assert "".join(bpe.decode_stream().pieces(ids)) == bpe.decode(ids)


def test_an_emoji_of_several_tokens_comes_at_once(bpe):
    ids = bpe.encode("🧮")
    assert len(ids) > 1
    assert list(bpe.decode_stream().pieces(ids)) == ["🧮"]


def test_a_cut_character_is_given_at_the_end_as_a_replacement(bpe):
    stream = bpe.decode_stream()
    assert not any(stream.push(i) for i in bpe.encode("🧮")[:-1])
    assert stream.finish() == "\N{REPLACEMENT CHARACTER}"


def test_spaces_between_words_survive_a_decoder_that_strips_the_first_one():
    words = tokenizers.Tokenizer(models.WordLevel({"<s>": 0, "▁a": 1, "▁b": 2}, unk_token="<s>"))
    words.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    words.add_special_tokens(["<s>"])
    assert list(Tokenizer(words).decode_stream().pieces([0, 1, 0, 2, 1])) == ["a", " b", " a"]
