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
BLOOM = " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"
DEEPSEEK = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# As llama.cpp documents them, written independently of the table under test.
STAGES = {
    "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "llama-bpe": [CONTRACTED + r"\p{N}{1,3}" + END],
    "qwen2": [CONTRACTED + r"\p{N}" + END],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "qwen35": [CONTRACTED.replace(r"\p{L}+", r"[\p{L}\p{M}]+") + r"\p{N}" + END.replace(r"\p{L}", r"\p{L}\p{M}")],
    "minicpm5": [r"\p{N}{1,3}", CONTRACTED + r"\p{N}+" + END],
    "laguna": [r"[^\n]+|[\n]+", CONTRACTED + r"\p{N}" + END],
    "ufakzeka": [r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + END],
    "seed-coder": [CONTRACTED + r"\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "bailingmoe": [
        r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
    ],
    "exaone-moe": [
        CONTRACTED.replace(r"\p{L}+", r"(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+") + r"\p{N}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
    ],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", r"\p{N}"],
    "poro-chat": [BLOOM],
    "viking": [BLOOM, r"\p{N}"],
    "superbpe": [r"\p{N}+", r"(?=(\d{3})+(?!\d))"],
    "afmoe": [r"\P{N}*\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))", "[\u0e40-\u0e7f\u4e00-\u9fff]+", DEEPSEEK],
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
        ("tiny_aya", ["In", " ", "2", "024", ",", " it's", " ", "3", ".", "14", "!"]),
        ("kimi-k2", ["In", " ", "202", "4", ",", " it's", " ", "3", ".", "14", "!"]),
        ("deepseek-llm", ["In", " ", "2024", ",", " it", "'", "s", " ", "3", ".", "14", "!"]),
        ("spark2_5", ["In", " ", "2", "0", "2", "4", ",", " it", "'s", " ", "3", ".", "1", "4", "!"]),
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


def test_han_letters_stand_alone_under_kimis_name():
    cut = byte_level("kimi-k2").pre_tokenize_str("我们use中文Ab's")
    assert [unspell(word).decode() for word, _ in cut] == ["我们", "use", "中文", "Ab's"]


# Ids of llama.cpp 0.3.36 tell where it cuts (`benchmarks/pre_names.py`); the first is the expression of the authors.
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-4o", ["i", "Phone", "  ", " ", "123", "45", " Мир", "Да", " ह\u093f's"]),
        ("kanana2", ["i", "Phone", "  ", " ", "123", "45", " МирДа", " ह", "\u093f'", "s"]),
        ("granite-embed-multi-97m", ["i", "Phone", "  ", " ", "123", "45", " МирДа", " ह\u093f's"]),
        ("tiny_aya", ["iPhone", "  ", " ", "12", "345", " МирДа", " ह\u093f's"]),
        ("kimi-k2", ["iPhone", "  ", " ", "123", "45", " МирДа", " ह", "\u093f'", "s"]),
        ("afmoe", ["iPhone", "  ", " ", "12", "345", " МирДа", " ह\u093f", "'s"]),
    ],
)
def test_capitals_and_marks_part_words_as_in_llama_cpp(name, words):
    cut = byte_level(name).pre_tokenize_str("iPhone   12345 МирДа ह\u093f's")
    assert [unspell(word).decode() for word, _ in cut] == words


def test_lines_are_cut_and_no_bytes_made_under_gemmas_name():
    assert [word for word, _ in byte_level("gemma4").pre_tokenize_str("é▁b\n\nc")] == ["é▁b", "\n\n", "c"]
    assert [word for word, _ in byte_level("whitespace").pre_tokenize_str("é b")] == ["é", " ", "b"]


def test_an_unknown_name():
    with pytest.raises(CheckpointError, match="got 'klingon'"):
        byte_level("klingon")
