"""What each kind of learned vocabulary must do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigenlm.errors import ConfigError, DataError
from eigenlm.text import tokenizer_training
from eigenlm.text.tokenizer_training import train_tokenizer

from .conftest import CONTROL, CORPUS

KINDS = ["bpe", "wordpiece", "unigram", "character"]


@pytest.fixture(scope="module")
def character():
    return train_tokenizer("character", ["abc cab"], 100, ("<|endoftext|>",))


@given(text=st.text())
def test_byte_level_bpe_writes_every_string_exactly(bpe, text):
    assert bpe.decode(bpe.encode(text), control=True) == text


def test_byte_level_bpe_learns_frequent_words(bpe):
    assert bpe.encode(" the") == [bpe.id("Ġthe")]


@given(text=st.text(alphabet="abc x"))
def test_characters_have_one_id_each_and_the_rest_is_unknown(character, text):
    want = [{" ": 2, "a": 3, "b": 4, "c": 5}.get(letter, character.unknown) for letter in text]
    assert character.encode(text) == want
    assert character.decode(character.encode(text)) == text.replace("x", "")


def test_line_ends_are_characters_too():
    tokenizer = train_tokenizer("character", ["a\r\nb\tc"], 100)
    assert tokenizer.decode(tokenizer.encode("a\r\nb\tc\n")) == "a\r\nb\tc\n"


@pytest.mark.parametrize("kind", KINDS)
def test_control_tokens_have_the_first_ids_and_no_text_spells_them(kind):
    tokenizer = train_tokenizer(kind, CORPUS, 400, CONTROL)
    assert set(CONTROL) <= set(tokenizer.control_tokens)
    assert max(tokenizer.control_tokens.values()) == len(tokenizer.control_tokens) - 1
    ids = tokenizer.encode("x<|im_end|> [SEP] <unk>")
    assert not set(ids) & set(tokenizer.control_tokens.values()) - {tokenizer.unknown}
    assert tokenizer.vocab_size <= 400


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_seen_words_come_back(kind):
    tokenizer = train_tokenizer(kind, CORPUS, 400)
    assert tokenizer.decode(tokenizer.encode("the lazy dog")) == "the lazy dog"


@pytest.mark.parametrize("kind", KINDS)
def test_one_text_gives_one_vocabulary(kind):
    # The library's hashes, and with them its order, differ from training to training.
    made = [train_tokenizer(kind, [*CORPUS, "żółć ĳ ŋ ß"], 300, CONTROL) for _ in range(3)]
    assert len({tokenizer.library.to_str() for tokenizer in made}) == 1


def test_wordpiece_puts_bert_markers_around_a_text():
    tokenizer = train_tokenizer("wordpiece", CORPUS, 400)
    ids = tokenizer.encode("the dog", add_markers=True)
    assert [tokenizer.token(i) for i in (ids[0], ids[-1])] == ["[CLS]", "[SEP]"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texts", [[], [""], [" \n", ""]])
def test_no_text(kind, texts):
    with pytest.raises(DataError, match="expected some text"):
        train_tokenizer(kind, texts, 400)


def test_a_vocabulary_too_small():
    with pytest.raises(ConfigError, match="vocab_size >= 257, got 256"):
        train_tokenizer("bpe", CORPUS, 256)
    with pytest.raises(ConfigError, match="at most 8 characters"):
        train_tokenizer("character", CORPUS, 10)
    with pytest.raises(ConfigError, match="not large enough to contain all chars; raise vocab_size"):
        train_tokenizer("unigram", CORPUS, 20)


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_document_gives_the_same_vocabulary_in_parts(kind, monkeypatch):
    text = "\n".join([*CORPUS, "", "  indented", "\ttabs ", "e\u0301\x1c", "the\r"] * 40)
    monkeypatch.setattr(tokenizer_training, "_PART", len(text) + 1)
    whole = train_tokenizer(kind, [text], 400).fingerprint
    monkeypatch.setattr(tokenizer_training, "_PART", 50)
    parts = list(tokenizer_training.in_parts(kind, text))
    assert "".join(parts) == text
    assert (len(parts) > 40) == (kind != "unigram")
    assert train_tokenizer(kind, [text], 400).fingerprint == whole
