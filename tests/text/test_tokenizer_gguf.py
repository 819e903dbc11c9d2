"""Tokenizers from GGUF metadata and back."""

import functools
import time
import timeit
from itertools import pairwise

import pytest
import tokenizers
import transformers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from eigenlm.errors import CheckpointError
from eigenlm.text.python_documentation import python_documentation
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_gguf import _merges_from_scores, gguf_metadata, tokenizer_from_gguf
from eigenlm.text.tokenizer_training import train_tokenizer

from .conftest import CORPUS

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
WORDS = ["▁", "a", "b", "c", "h", "e", "t", "ab", "bc", "abc", "▁a", "▁ab", "th", "he", "the", "▁th", "▁the", "cab"]
SENTENCE_PIECES = ["<unk>", "<s>", "</s>", *BYTES, *WORDS]
SPM = {
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": SENTENCE_PIECES,
    "tokenizer.ggml.scores": [0.0] * 259 + [-float(i) for i in range(len(WORDS))],
    "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * len(WORDS),
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.unknown_token_id": 0,
}


def _naive_sentence_pieces(text):
    """SentencePiece BPE: of all neighbours that make a token, join those of the best score, the leftmost first."""
    score = dict(zip(SENTENCE_PIECES, SPM["tokenizer.ggml.scores"]))
    parts = list("▁" + text.replace(" ", "▁"))
    while True:
        pairs = [(score[a + b], -i) for i, (a, b) in enumerate(pairwise(parts)) if a + b in score]
        if not pairs:
            break
        place = -max(pairs)[1]
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    ids = {token: i for i, token in enumerate(SENTENCE_PIECES)}
    return [i for part in parts for i in ([ids[part]] if part in ids else [3 + byte for byte in part.encode()])]


@given(text=st.text("abcthe é", min_size=1, max_size=12))
def test_sentence_pieces_equal_a_naive_twin_and_round_trip(text):
    tokenizer = tokenizer_from_gguf(SPM)
    assert tokenizer.encode(text) == _naive_sentence_pieces(text)
    assert tokenizer.encode(text, add_markers=True) == [1, *tokenizer.encode(text)]
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "".join(tokenizer.decode_stream().pieces(tokenizer.encode(text))) == text


def test_sentence_pieces_never_spell_control_tokens_or_byte_tokens():
    tokenizer = tokenizer_from_gguf(SPM)
    assert tokenizer.encode("</s>") == _naive_sentence_pieces("</s>")
    assert tokenizer.token_bytes(3 + 0x41) == b"A"
    assert tokenizer.token_bytes(tokenizer.id("▁the")) == b" the"


@pytest.mark.parametrize("source", ["bpe", "wordpiece", "sentence pieces"])
def test_metadata_round_trips(source):
    known = source in ("bpe", "wordpiece")
    tokenizer = train_tokenizer(source, CORPUS, 400) if known else tokenizer_from_gguf(SPM)
    metadata = gguf_metadata(tokenizer)
    again = tokenizer_from_gguf(metadata)
    assert gguf_metadata(again) == metadata
    assert (again.bos, again.eos, again.pad, again.unknown) == (
        tokenizer.bos,
        tokenizer.eos,
        tokenizer.pad,
        tokenizer.unknown,
    )
    for text in CORPUS:
        for markers in (False, True):
            assert again.encode(text, add_markers=markers) == tokenizer.encode(text, add_markers=markers)


def test_minilm_round_trips(minilm):
    tokenizer = Tokenizer.load(minilm)
    again = tokenizer_from_gguf(gguf_metadata(tokenizer))
    for text in CORPUS:
        assert again.encode(text, add_markers=True) == tokenizer.encode(text, add_markers=True)


def test_smollm2_builds_fast(smollm2_metadata):
    build = functools.partial(tokenizer_from_gguf, smollm2_metadata)
    read = functools.partial(tokenizers.Tokenizer.from_str, build().library.to_str())
    built, from_json = (min(timeit.repeat(act, time.process_time, repeat=3, number=1)) for act in (build, read))
    assert built < 2 * from_json  # 0.7 times what the library takes to read the same, both in time of this process


def test_smollm2_ids_equal_those_of_transformers(smollm2, smollm2_metadata):
    theirs = transformers.AutoTokenizer.from_pretrained(smollm2.parent, gguf_file=smollm2.name)
    # transformers reads every GGUF with GPT-2's rule; this one is in SmolLM2's own tokenizer.json.
    digits = pre_tokenizers.Digits(individual_digits=True)
    own_rule = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    theirs.backend_tokenizer.pre_tokenizer = own_rule
    tokenizer = tokenizer_from_gguf(smollm2_metadata)
    texts = [document.text for document in python_documentation() if "<filename>" not in document.text]
    assert theirs(texts)["input_ids"] == tokenizer.encode_batch(texts)


def test_smollm2_metadata_is_written_as_it_was_read(smollm2_metadata):
    written = gguf_metadata(tokenizer_from_gguf(smollm2_metadata))
    for key in ("tokens", "merges", "token_type", "pre", "model", "bos_token_id", "eos_token_id", "padding_token_id"):
        assert written[f"tokenizer.ggml.{key}"] == smollm2_metadata[f"tokenizer.ggml.{key}"]


def test_smollm2_takes_digits_one_by_one(smollm2_metadata):
    # As it was trained; GPT-2's rule alone would take " 1234½" as one word.
    tokenizer = tokenizer_from_gguf(smollm2_metadata)
    words = [tokenizer.token(i) for i in tokenizer.encode("Hello  1234½")]
    assert words == ["Hello", "ĠĠ", "1", "2", "3", "4", "Â½"]


def test_characters_with_bytes_for_the_rest_as_in_gemma_4():
    pairs = [("t", "h"), ("th", "e"), ("▁", "the")]
    vocab = ["<unk>", "<bos>", *BYTES, "▁", "t", "h", "e", "th", "the", "▁the"]
    metadata = {
        "tokenizer.ggml.model": "gemma4",
        "tokenizer.ggml.tokens": vocab,
        "tokenizer.ggml.token_type": [2, 3] + [6] * 256 + [1] * 7,
        "tokenizer.ggml.merges": [" ".join(pair) for pair in pairs],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    made = transformers.GemmaTokenizer({token: i for i, token in enumerate(vocab)}, pairs)
    tokenizer = tokenizer_from_gguf(metadata)
    for text in ("the the", " thé\n", "é t he", ""):
        ids = made(text, add_special_tokens=False).input_ids
        assert tokenizer.encode(text) == ids
        assert tokenizer.decode(ids) == made.decode(ids) == text


@pytest.mark.parametrize("name", ["llama-bpe", "gpt-2"])
def test_whole_words_and_the_beginning_token_follow_the_pre_tokenizer(bpe, name):
    metadata = gguf_metadata(bpe) | {"tokenizer.ggml.pre": name, "tokenizer.ggml.merges": []}
    del metadata["tokenizer.ggml.add_bos_token"]
    tokenizer = tokenizer_from_gguf(metadata)
    whole = name == "llama-bpe"
    assert (tokenizer.encode(" the") == [bpe.id("Ġthe")]) is whole
    assert (tokenizer.encode("a", add_markers=True)[0] == tokenizer.bos) is whole


@pytest.mark.parametrize(
    "damage",
    [
        {"model": "klingon"},
        {"model": None},
        {"pre": "klingon"},
        {"tokens": []},
        {"token_type": [1]},
        {"merges": ["no such"]},
        {"merges": ["alone"]},
        {"eos_token_id": 400},
        {"eos_token_id": -1},
    ],
)
def test_damaged_metadata_is_one_clear_line(bpe, damage):
    metadata = gguf_metadata(bpe) | {f"tokenizer.ggml.{key}": value for key, value in damage.items()}
    with pytest.raises(CheckpointError) as caught:
        tokenizer_from_gguf(metadata)
    assert "\n" not in str(caught.value)


def test_sentence_pieces_without_scores():
    with pytest.raises(CheckpointError, match="a score for every token"):
        tokenizer_from_gguf(SPM | {"tokenizer.ggml.scores": [0.0]})


@pytest.mark.parametrize("kind", ["unigram", "character"])
def test_what_gguf_has_no_name_for(kind):
    with pytest.raises(CheckpointError, match="write a Hugging Face folder"):
        gguf_metadata(train_tokenizer(kind, CORPUS, 400))


def _every_cut(scores, vocab):
    """All cuts of all tokens, each half looked up."""
    ranked = sorted((token for token in scores if len(token) > 1), key=lambda token: (-scores[token], vocab[token]))
    cuts = ((token[:cut], token[cut:]) for token in ranked for cut in range(1, len(token)))
    return [(left, right) for left, right in cuts if left in scores and right in scores]


@given(words=st.lists(st.text("ab▁", min_size=1, max_size=6), min_size=3, unique=True))
def test_merges_are_all_cuts_into_two_pieces(words):
    scores = {word: float(-len(word) % 3) for word in words}
    vocab = {word: i for i, word in enumerate(words)}
    assert _merges_from_scores(scores, vocab) == _every_cut(scores, vocab)


@pytest.mark.parametrize(
    ("pieces", "refused"),
    [
        (["a", "b" * 513], "pieces of at most 512 characters, got 513"),
        (["a" * k for k in range(1, 513)] + ["b" + "a" * k for k in range(512)], "merges of 16,777,216"),
    ],
)
def test_pieces_that_no_sentence_piece_has_are_refused(pieces, refused):
    count = len(pieces)
    damage = {"tokens": ["<unk>", *pieces], "scores": [0.0] * (count + 1), "token_type": [2] + [1] * count}
    with pytest.raises(CheckpointError, match=refused):
        tokenizer_from_gguf(
            {
                "tokenizer.ggml.model": "llama",
                **{f"tokenizer.ggml.{key}": value for key, value in damage.items()},
                "tokenizer.ggml.unknown_token_id": 0,
            }
        )
