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


def _markers(single):
    return {"post_processor": {"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": {}}}


def _prefixed(merge):
    """The library takes the prefix off by its bytes, within the character, and aborts as it names what is left."""
    vocab = {"e": 0, "▁": 1, "e▁": 2}
    return {"model": {"type": "BPE", "vocab": vocab, "merges": [merge], "continuing_subword_prefix": "a"}}


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
    (_markers([MARKER] * 99), "99"),
    (_markers([MARKER, {"SpecialToken": {"id": "<s>", "type_id": 0}}]), "markers with ids, got '<s>' without"),
    (_markers([]), "markers around one text, got around 0"),
    (_markers([MARKER, MARKER]), "markers around one text, got around 2"),
    ({"model": {"type": "BPE", "vocab": {"a": 0, "b": 4_294_967_295}, "merges": []}}, "ids below 16,777,216"),
    *(
        (_prefixed(merge), "merges of a tokenizer: expected second parts that begin with 'a'")
        for merge in (["e", "▁"], "e ▁")
    ),
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


def _load(folder, **change):
    state = json.loads(tokenizers.Tokenizer(models.BPE({"a": 0}, [])).to_str())
    (folder / "tokenizer.json").write_text(json.dumps(state | change))
    return Tokenizer.load(folder)


def test_padding_and_truncation_of_a_file_count_for_nothing(tmp_path):
    padding = {"direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "a"}
    cut = {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0}
    tokenizer = _load(tmp_path, padding=padding | {"strategy": {"Fixed": 2**40}}, truncation=cut)
    assert tokenizer.encode("aaa") == [0, 0, 0]


@pytest.mark.parametrize("count", [2**40, -1, "many", 0.5])
def test_a_number_of_more_tokens_that_is_none(tmp_path, count):
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": count}))
    model = {"type": "Unigram", "unk_id": 2, "vocab": [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["a", -1.0]]}
    with pytest.raises(CheckpointError, match="extra_ids: expected a number up to 65536, got"):
        _load(tmp_path, model=model)


def test_long_numbers_that_are_no_ids_are_no_fault(tmp_path):
    model = {"type": "BPE", "vocab": {"12345678": 0, "a": 1, "123456789012": 2}, "merges": []}
    assert _load(tmp_path, model={"continuing_subword_prefix": None} | model).id("12345678") == 0


def test_merges_that_begin_with_their_prefix_are_read(tmp_path):
    vocab = {"a": 0, "##é": 1, "aé": 2}
    model = {"type": "BPE", "vocab": vocab, "merges": [["a", "##é"]], "continuing_subword_prefix": "##"}
    assert _load(tmp_path, model=model).encode("aé") == [2]


def test_a_panic_is_heard_by_nobody_but_in_its_line(tmp_path, capfd):
    with pytest.raises(CheckpointError, match="chunk size must be non-zero"):
        _load(tmp_path, pre_tokenizer={"type": "FixedLength", "length": 0})
    assert capfd.readouterr().err == ""


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


def test_a_control_token_that_cannot_be_told_from_text_is_one_line():
    vocabulary = {"a": 0, "b": 1, "ab": 2, "x": 3, "y": 4, "xy": 5, "z": 5}  # two of one number: the library keeps one

    def encoded():
        library = tokenizers.Tokenizer(models.BPE(vocabulary, [("a", "b"), ("x", "y")]))
        library.add_special_tokens(["ab"])
        return Tokenizer(library).encode("ab")

    with pytest.raises(DataError, match="merges that fit the vocabulary"):
        [encoded() for _ in range(40)]  # which of the two is chance
