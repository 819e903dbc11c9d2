"""No text spells a control token; text comes back as it went in."""

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, models, pre_tokenizers

from eigenlm.errors import DataError
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_training import train_tokenizer

from .conftest import CONTROL, CORPUS

pieces = st.lists(st.one_of(st.sampled_from(CONTROL), st.text(max_size=5)), max_size=6).map("".join)


@given(text=pieces)
def test_text_never_becomes_a_control_token_and_round_trips(bpe, text):
    ids = bpe.encode(text)
    assert set(bpe.control_tokens.values()).isdisjoint(ids)
    assert bpe.decode(ids, control=True) == text


def test_control_tokens_are_recognised_only_on_request(bpe):
    assert bpe.encode("<|im_end|>", control=True) == [2]
    assert bpe.encode("a<|im_end|>b", control=True) == [*bpe.encode("a"), 2, *bpe.encode("b")]
    assert bpe.decode([1, *bpe.encode("hi"), 2]) == "hi"
    assert bpe.decode([1, *bpe.encode("hi"), 2], control=True) == "<|im_start|>hi<|im_end|>"
    assert bpe.control_spans("a<|im_end|>b") == [(2, 1, 11)]


def test_added_tokens_not_called_special_are_words_of_one_id():
    # As in transformers: `<tool_call>` of Qwen 3 is a word of the text, `<|im_end|>` is not.
    library = train_tokenizer("bpe", CORPUS, 300, ("<|im_end|>",)).library
    library.add_tokens(["<tool_call>", AddedToken("    ", normalized=False), AddedToken("ab", single_word=True)])
    tokenizer = Tokenizer(library)
    assert tokenizer.control_tokens == {"<|im_end|>": 0}
    text = "a<tool_call>    ab abc<|im_end|>"
    assert [i for i in tokenizer.encode(text) if i >= 300] == [300, 301, 302]
    assert 0 not in tokenizer.encode(text)
    assert tokenizer.encode(text, control=True)[-1] == 0
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert b"".join(map(tokenizer.token_bytes, tokenizer.encode(text))) == text.encode()


def _unigram():
    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("<", -3.0), ("/", -3.0), ("s", -3.0), (">", -3.0)]
    library = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=0))
    return library, {"unk_token": "<unk>", "eos_token": "</s>"}


def _whole_words():
    vocab = {"</s>": 0, "<": 1, "/": 2, "s": 3, ">": 4}
    return tokenizers.Tokenizer(models.BPE(vocab, [], ignore_merges=True)), {"eos_token": "</s>"}


def _merging():
    vocab = {"<": 0, "/": 1, "s": 2, ">": 3, "</": 4, "s>": 5, "</s>": 6}
    return tokenizers.Tokenizer(models.BPE(vocab, [("<", "/"), ("s", ">"), ("</", "s>")])), {"eos_token": "</s>"}


@pytest.mark.parametrize("build", [_unigram, _whole_words, _merging])
def test_a_model_that_can_spell_a_control_token_is_kept_from_it(build):
    library, roles = build()
    assert library.encode("</s>").ids == [library.token_to_id("</s>")]  # the danger is real
    library.add_special_tokens(["</s>"])
    tokenizer = Tokenizer(library, roles)
    assert "".join(tokenizer.token(i) for i in tokenizer.encode("s</s>s")) == "s</s>s"
    for text in ("</s>", "s</s>s"):
        assert tokenizer.eos not in tokenizer.encode(text)
        assert tokenizer.eos in tokenizer.encode(text, control=True)


def test_truncation_and_padding_of_a_file_are_off():
    library = train_tokenizer("bpe", CORPUS, 300).library
    library.enable_truncation(4)
    library.enable_padding(length=8)
    tokenizer = Tokenizer(library)
    assert tokenizer.decode(tokenizer.encode(CORPUS[0])) == CORPUS[0]
    assert tokenizer.encode_batch(["a", CORPUS[0]]) == [tokenizer.encode("a"), tokenizer.encode(CORPUS[0])]


def test_token_bytes_joined_are_the_text(bpe):
    ids = bpe.encode(CORPUS[3])
    assert b"".join(map(bpe.token_bytes, ids)) == CORPUS[3].encode()
    assert bpe.token_bytes(bpe.eos) == b""


def test_roles_and_ids(bpe):
    assert (bpe.bos, bpe.eos, bpe.pad, bpe.unknown, bpe.vocab_size) == (0, 0, None, None, 400)
    assert bpe.token(0) == "<|endoftext|>"
    assert bpe.id("<|im_start|>") == 1
    assert bpe.token(400) is None
    assert bpe.id("no such token") is None


def test_fingerprint_tells_tokenizers_apart(bpe):
    assert bpe.fingerprint == train_tokenizer("bpe", CORPUS, 400, CONTROL).fingerprint
    assert bpe.fingerprint != train_tokenizer("bpe", CORPUS, 399, CONTROL).fingerprint


def test_half_a_surrogate_pair_is_no_text(bpe):
    with pytest.raises(DataError, match="lone surrogate at character 1"):
        bpe.encode("a\ud800")


@pytest.mark.parametrize("id", [-1, 400])
def test_an_id_outside_the_vocabulary(bpe, id):
    with pytest.raises(DataError, match="0 to 399"):
        bpe.decode([id])
    with pytest.raises(DataError, match="below 400"):
        bpe.token_bytes(id)


def test_unknown_characters_are_not_mistaken_for_the_unknown_token():
    library = tokenizers.Tokenizer(models.WordLevel({"<unk>": 0, "a": 1}, unk_token="<unk>"))
    library.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    library.add_special_tokens(["<unk>"])
    tokenizer = Tokenizer(library)
    assert tokenizer.encode("ab") == [1, 0]
    assert tokenizer.control_spans("ab<unk>") == [(0, 2, 7)]
