"""Tokenizer files that would hang or end the process are one clear line, on loading and on encoding."""

import base64
import json
import random
import struct
import time

import pytest
import tokenizers
from tokenizers import Regex, models, pre_tokenizers

from eigenlm.errors import CheckpointError, DataError
from eigenlm.text import tokenizer_limits
from eigenlm.text.tokenizer import Tokenizer


def _split(expression):
    return {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}


def _replace(pattern, content, times=1):
    stage = {"type": "Replace", "pattern": pattern, "content": content}
    return {"normalizer": {"type": "Sequence", "normalizers": [stage] * times}}


def _map(data):
    return {"normalizer": {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(data).decode()}}


def _size(number):
    return struct.pack("<I", number)


MARKER = {"Sequence": {"id": "A", "type_id": 0}}
SHORT = [
    ({"pre_tokenizer": _split("(a+)+$")}, "retry-limit-in-match over"),
    ({"pre_tokenizer": _split("(?=(a+)+$)a")}, "retry-limit-in-match over"),
    ({"pre_tokenizer": _split("(" * 99999 + ")" * 99999)}, "parse depth limit"),
    ({"pre_tokenizer": {"type": "FixedLength", "length": 0}}, "chunk size must be non-zero"),
    (_replace({"String": "a"}, "a" * 10, 9), "grow at most 64 times"),
    (_replace({"Regex": "x*"}, "yy", 4), "grow at most 64 times"),
    ({"decoder": {"type": "Replace", "pattern": {"String": "a"}, "content": "b" * 65}}, "grow at most 64 times"),
    ({"normalizer": {"type": "Prepend", "prepend": "b" * 64}}, "grow at most 64 times"),
    (_map(b""), "0 bytes"),
    (_map(_size(0xFFFFFFFC) + bytes(64)), "4,294,967,292 of them"),  # the library asks for the memory and aborts
    (_map(_size(8) + bytes(8) + b"a" * 999), "an index and its texts"),
    (_map(_size(1024) + b"\xff" * 1024 + b"abc\0"), "index out of bounds"),
    (
        {"post_processor": {"type": "TemplateProcessing", "single": [MARKER] * 99, "pair": [], "special_tokens": {}}},
        "99",
    ),
    ({"model": {"type": "BPE", "vocab": {"a": 0, "b": 4_294_967_295}, "merges": []}}, "ids below 16,777,216"),
    ({"model": {"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "a", "max_input_chars_per_word": 10**9}}, "words"),
]


@pytest.mark.parametrize(("change", "message"), SHORT)
def test_a_file_that_bites_is_refused(tmp_path, change, message):
    state = json.loads(tokenizers.Tokenizer(models.BPE({"a": 0}, [])).to_str())
    model = {"continuing_subword_prefix": "##"} | change.get("model", state["model"])
    (tmp_path / "tokenizer.json").write_text(json.dumps(state | change | {"model": model}))
    with pytest.raises(CheckpointError, match=message) as caught:
        Tokenizer.load(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("size", [64, 256, 1024])
def test_a_random_character_map_is_told_and_panics_nowhere(tmp_path, size):
    state = json.loads(tokenizers.Tokenizer(models.BPE({"a": 0}, [])).to_str())
    change = _map(_size(size) + random.Random(size).randbytes(size) + b"abc\0d\xc3\xa9\0")
    (tmp_path / "tokenizer.json").write_text(json.dumps(state | change))
    with pytest.raises((CheckpointError, DataError)):
        Tokenizer.load(tmp_path).encode("the é 中文 Å" * 9)


def test_an_expression_that_does_not_end_on_a_text(monkeypatch):
    library = tokenizers.Tokenizer(models.BPE({"a": 0}, []))
    library.pre_tokenizer = pre_tokenizers.Split(Regex("(?:a|b)+(?:c|d)(?!e)"), "isolated")
    tokenizer_limits.check(library)  # not slow where the text is short
    tokenizer = Tokenizer(library)
    assert tokenizer.encode("a" * 9) == [0] * 9
    monkeypatch.setattr(tokenizer_limits, "_SECONDS", 0.05)
    monkeypatch.setattr(tokenizer_limits, "_CHARACTERS_A_SECOND", 1e6)
    start = time.perf_counter()
    with pytest.raises(DataError, match="an end within 0 s, got none; use another tokenizer"):
        tokenizer.encode("a" * 20000)  # its square, some seconds
    assert time.perf_counter() - start < 1.5  # 0.07 s and what a busy machine adds


def test_what_the_vocabulary_cannot_encode_is_one_clear_line():
    tokenizer = Tokenizer(tokenizers.Tokenizer(models.Unigram([("a", 0.0), ("b", -1.0)])))
    assert tokenizer.encode("ab") == [0, 1]
    with pytest.raises(DataError, match=r"encoding: .* `unk_id` is missing"):
        tokenizer.encode("ax")


def test_known_expressions_are_trusted(bpe, minilm):
    assert tokenizer_limits.is_familiar(bpe.library)
    assert tokenizer_limits.is_familiar(Tokenizer.load(minilm).library)
