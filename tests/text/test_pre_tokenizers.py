"""Words as the regular expressions cut them, against Python's own engine for Unicode classes."""

import json

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from eigenlm.errors import CheckpointError
from eigenlm.text.byte_alphabet import unspell
from eigenlm.text.pre_tokenizers import byte_level, name_of

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
END = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTED = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|"
# As llama.cpp documents them, written independently of the table under test.
STAGES = {
    "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "llama-bpe": [CONTRACTED + r"\p{N}{1,3}" + END],
    "qwen2": [CONTRACTED + r"\p{N}" + END],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
}
texts = st.text(st.sampled_from("ab Z'stLl\n\r\t 123½.,<|>!é日́  _"), max_size=24)


def _isolate(expression, piece):
    place = 0
    for match in regex.finditer(expression, piece):
        yield from (part for part in (piece[place : match.start()], match.group()) if part)
        place = match.end()
    if place < len(piece):
        yield piece[place:]


@pytest.mark.parametrize("name", STAGES)
@given(text=texts)
def test_words_are_those_of_an_independent_engine(name, text):
    want = [text] if text else []
    for expression in STAGES[name]:
        want = [part for piece in want for part in _isolate(expression, piece)]
    got = [unspell(word).decode() for word, _ in byte_level(name).pre_tokenize_str(text)]
    assert got == want


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-2", ["In", " 2024", ",", " it", "'s", " 3", ".", "14", "!"]),
        ("smollm", ["In", " ", "2", "0", "2", "4", ",", " it", "'s", " ", "3", ".", "1", "4", "!"]),
        ("llama-bpe", ["In", " ", "202", "4", ",", " it", "'s", " ", "3", ".", "14", "!"]),
        ("gpt-4o", ["In", " ", "202", "4", ",", " it's", " ", "3", ".", "14", "!"]),
        ("tekken", ["In", " ", "2", "0", "2", "4", ",", " it", "'s", " ", "3", ".", "1", "4", "!"]),
        ("deepseek-v3", ["In", " ", "202", "4", ",", " it", "'s", " ", "3", ".", "14", "!"]),
    ],
)
def test_examples(name, words):
    cut = byte_level(name).pre_tokenize_str("In 2024, it's 3.14!")
    assert [unspell(word).decode() for word, _ in cut] == words


@pytest.mark.parametrize("name", [*STAGES, "gpt-4o", "tekken", "deepseek-v3"])
def test_a_pre_tokenizer_is_recognised_by_what_it_does(name):
    assert name_of(byte_level(name)) == name


def test_relatives_and_hugging_face_spellings():
    assert name_of(byte_level("starcoder")) == "smollm"
    expression = json.loads(byte_level("qwen2").__getstate__())["pretokenizers"][0]["pattern"]["Regex"]
    removed = pre_tokenizers.Split(Regex(expression), behavior="removed", invert=True)
    assert name_of(pre_tokenizers.Sequence([removed, pre_tokenizers.ByteLevel(False, use_regex=False)])) == "qwen2"
    assert name_of(pre_tokenizers.Whitespace()) is None
    assert name_of(pre_tokenizers.ByteLevel(add_prefix_space=True)) is None


def test_an_unknown_name():
    with pytest.raises(CheckpointError, match="got 'klingon'"):
        byte_level("klingon")
