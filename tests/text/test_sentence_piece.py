"""SentencePiece's files, against transformers and sentencepiece itself."""

import io
import json

import pytest
import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2

from eigenlm.errors import CheckpointError
from eigenlm.text.python_documentation import python_documentation
from eigenlm.text.tokenizer import Tokenizer

TEXTS = [
    "The class of a matrix",
    " two  spaces \n and\ttabs ",
    "naïve café ﬁ Ω日本語🤖",
    "<0x41>ab",
    "",
    "don't 1234",
    "  ",
]
CONTROL = [*TEXTS, "<s>a</s> b", "<think> is COVID-19", "<extra_id_1><mask> x <pad>", "<start_of_turn>user"]
EXACT = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False, "byte_fallback": True}
BPE, UNIGRAM = {"model_type": "bpe", **EXACT}, {"model_type": "unigram"}


LONG = sentencepiece_model_pb2.ModelProto(
    pieces=[{"piece": "<unk>", "type": 2}, {"piece": "a" * 600}]
).SerializeToString()


def _write(folder, file, trained, settings, model_type):
    written = io.BytesIO()
    lines = [line for document in python_documentation()[:3] for line in document.text.splitlines() if line.strip()]
    common = {"vocab_size": 600, "character_coverage": 0.99, "required_chars": "<>", "minloglevel": 2}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines[:300]), model_writer=written, **common, **trained
    )
    (folder / file).write_bytes(written.getvalue())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "config.json").write_text(json.dumps({"model_type": model_type} if model_type else {}))
    return Tokenizer.load(folder)


FAMILIES = {
    "llama": ("tokenizer.model", BPE, {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True}, "llama"),
    "llama, legacy": ("tokenizer.model", BPE, {"tokenizer_class": "LlamaTokenizerFast", "legacy": True}, "llama"),
    "llama with words": (
        "tokenizer.model",
        BPE | {"user_defined_symbols": ["<think>", "COVID-19"]},
        {"tokenizer_class": "LlamaTokenizer", "add_eos_token": True},
        "llama",
    ),
    "gemma": (
        "tokenizer.model",
        BPE
        | {"add_dummy_prefix": False, "pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3}
        | {"control_symbols": ["<start_of_turn>"], "user_defined_symbols": ["<mask>", "▁▁"]},
        {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True},
        "gemma",
    ),
    "t5": ("spiece.model", UNIGRAM | {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}, {"extra_ids": 3}, "t5"),
    "xlm-roberta": ("sentencepiece.bpe.model", UNIGRAM, {}, "xlm-roberta"),
    "camembert": ("sentencepiece.bpe.model", UNIGRAM, {}, "camembert"),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_families_are_read_as_in_transformers(tmp_path, name):
    ours, theirs = _write(tmp_path, *FAMILIES[name]), transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in CONTROL:
        for markers in (False, True):
            ids = theirs(text, add_special_tokens=markers).input_ids
            assert ours.encode(text, control=True, add_markers=markers) == ids
        assert ours.decode(ids, control=True) == theirs.decode(ids)
    assert (ours.bos, ours.eos, ours.pad) == (
        theirs.bos_token_id,
        theirs.eos_token_id,
        theirs.pad_token_id,
    ) or name in (
        "xlm-roberta",
        "camembert",
    )
    assert ours.vocab_size == len(theirs)


# transformers' own path for a family without a class puts no space before the first word.
@pytest.mark.parametrize(
    ("trained", "model_type"),
    [(BPE, "mistral"), (UNIGRAM, ""), (UNIGRAM | {"add_dummy_prefix": False}, ""), ({"model_type": "char"}, "")],
)
def test_without_a_class_the_files_own_word_stands(tmp_path, trained, model_type):
    ours = _write(tmp_path, "tokenizer.model", trained, {}, model_type)
    theirs = sentencepiece.SentencePieceProcessor(str(tmp_path / "tokenizer.model"))
    for text in [*TEXTS, "<unk> <0x0A>"]:
        ids = theirs.encode(text)
        assert ours.encode(text) == ids
        assert ours.unknown in ids or ours.decode(ids) == theirs.decode(ids)
    assert (ours.bos, ours.eos, ours.unknown) == (theirs.bos_id(), theirs.eos_id(), theirs.unk_id())
    ours.save(tmp_path / "saved")
    again = Tokenizer.load(tmp_path / "saved")
    assert again.encode_batch(TEXTS) == ours.encode_batch(TEXTS)
    assert Tokenizer.load(tmp_path / "tokenizer.model").fingerprint == ours.fingerprint


@pytest.mark.parametrize(
    ("trained", "settings", "why"),
    [
        ({"model_type": "word"}, {}, "expected unigram, bpe or char, got word"),
        (UNIGRAM | {"treat_whitespace_as_suffix": True}, {}, "got unigram with spaces after words"),
        (UNIGRAM, {"tokenizer_class": "NllbTokenizer"}, "got NllbTokenizer; pip install transformers"),
        (BPE, {"tokenizer_class": "T5Tokenizer"}, "expected LlamaTokenizer, GemmaTokenizer or no class"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, trained, settings, why):
    with pytest.raises(CheckpointError, match=why):
        _write(tmp_path, "tokenizer.model", trained, settings, "")


@pytest.mark.parametrize("data", [b"", b"IQ== 0\nIg== 1\n", b"\n\x05\n\x03abc", b"\n\x04\n\x02\xff\xfe", LONG])
def test_what_is_no_sentencepiece_model(tmp_path, data):
    (tmp_path / "tokenizer.model").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"^[^\n]*expected (a|pieces) [^\n]*$"):
        Tokenizer.load(tmp_path)


def test_marians_pair(tmp_path):
    (tmp_path / "source.spm").write_bytes(b"")
    with pytest.raises(CheckpointError, match="got Marian's two"):
        Tokenizer.load(tmp_path)
