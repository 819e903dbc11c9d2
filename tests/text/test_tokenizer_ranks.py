"""Merges recovered from ranks encode as the ranks do."""

import base64
import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigenlm.errors import CheckpointError
from eigenlm.text.byte_alphabet import unspell
from eigenlm.text.tokenizer_ranks import gpt2_tokenizer, read_ranks, tokenizer_from_ranks

BYTES = {bytes([byte]): byte for byte in range(256)}


@pytest.fixture(scope="module")
def ranks(bpe):
    """The trained vocabulary as ranks: ids without the control tokens, in the order of the merges."""
    tokens = [unspell(bpe.token(i)) for i in range(len(bpe.control_tokens), bpe.vocab_size)]
    return {token: rank for rank, token in enumerate(tokens)}


def _naive(text, ranks):
    """Byte pairs as tiktoken's reference does them, on one word."""
    parts = [bytes([byte]) for byte in text.encode()]
    while len(parts) > 1:
        pairs = [ranks.get(left + right, len(ranks)) for left, right in pairwise(parts)]
        if min(pairs) == len(ranks):
            break
        place = pairs.index(min(pairs))
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return [ranks[part] for part in parts]


@given(word=st.one_of(st.text("aehnot", max_size=12), st.text("日本é🤖", max_size=4)))
def test_a_word_is_cut_as_the_ranks_say(ranks, word):
    tokenizer = tokenizer_from_ranks(ranks, {"<|endoftext|>": len(ranks)}, {"eos_token": "<|endoftext|>"})
    assert tokenizer.encode(word) == [i for part in _letters(word) for i in _naive(part, ranks)]
    assert tokenizer.eos == len(ranks)


def _letters(word):
    """GPT-2's words of such texts: runs of letters, runs of the rest."""
    runs: list[str] = []
    for character in word:
        if runs and runs[-1][-1].isalpha() == character.isalpha():
            runs[-1] += character
        else:
            runs.append(character)
    return runs


def test_gpt2_ids_equal_those_of_gpt_tokenizer_run_by_node():
    place = os.environ.get("EIGENLM_GPT_TOKENIZER")
    if not place:
        pytest.skip("EIGENLM_GPT_TOKENIZER does not say where npm installed gpt-tokenizer")
    tokenizer = gpt2_tokenizer(place)
    assert tokenizer.vocab_size == 50257
    assert (tokenizer.encode("The"), tokenizer.encode(" the"), tokenizer.eos) == ([464], [262], 50256)
    cases = json.loads((Path(__file__).parent / "gpt2_ids.json").read_text(encoding="utf-8"))
    assert [tokenizer.encode(case["text"]) for case in cases] == [case["ids"] for case in cases]


def test_ranks_are_read_from_lines_of_base64(tmp_path, ranks):
    lines = [base64.b64encode(token) + b" %d" % rank for token, rank in ranks.items()]
    (tmp_path / "tiny.tiktoken").write_bytes(b"\n".join(lines) + b"\n")
    assert read_ranks(tmp_path / "tiny.tiktoken") == ranks
    assert gpt2_tokenizer(tmp_path / "tiny.tiktoken").eos == len(ranks)


@pytest.mark.parametrize("line", ["!!! 3", "IQ==", "IQ== x", "IQ== 1 2"])
def test_a_damaged_line_is_named(tmp_path, line):
    (tmp_path / "bad").write_text("IQ== 0\n" + line)
    with pytest.raises(CheckpointError, match="line 2: expected base64 and a rank"):
        read_ranks(tmp_path / "bad")


def test_ranks_that_make_no_vocabulary(tmp_path):
    with pytest.raises(CheckpointError, match="no 0x61"):
        tokenizer_from_ranks({token: rank for token, rank in BYTES.items() if token != b"a"}, {}, {})
    with pytest.raises(CheckpointError, match="every token a pair of earlier ones"):
        tokenizer_from_ranks(BYTES | {b"abc": 256}, {}, {})
    with pytest.raises(CheckpointError, match="one token for each id"):
        tokenizer_from_ranks(BYTES | {b"ab": 0}, {}, {})
    with pytest.raises(CheckpointError, match="No such file"):
        read_ranks(tmp_path / "absent")
