"""Tokenizers learned from text."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Literal

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_classes import BERT_ROLES

Kind = Literal["bpe", "wordpiece", "unigram", "character"]

_UNKNOWN = "<unk>"
_BYTES = 256


def train_tokenizer(
    kind: Kind, texts: Iterable[str], vocab_size: int, control_tokens: Sequence[str] = ("<|endoftext|>",)
) -> Tokenizer:
    """Learn a vocabulary.

    Args:
        kind: `bpe`, byte-level byte-pair encoding, which writes every string exactly (Radford et al. 2019);
            `wordpiece`, lower-cased words and `##` continuations (BERT, arXiv:1810.04805); `unigram`, the likeliest
            cut under a unigram model (arXiv:1804.10959); `character`, one token a character.
        texts: what to learn from; read once.
        vocab_size: the most tokens, control tokens included.
        control_tokens: the first ids, in this order; the first of them begins and ends texts. BERT's five and the
            unknown token are added where the kind needs them.

    Raises:
        DataError: there is no text.
        ConfigError: an unknown kind, or a vocabulary too small to hold what it must.
    """
    learners = {"bpe": _bpe, "wordpiece": _wordpiece, "unigram": _unigram, "character": _character}
    if kind not in learners:
        raise ConfigError(explain("training a tokenizer", expected=f"one of {', '.join(learners)}", got=repr(kind)))
    needed = len(control_tokens) + (_BYTES if kind == "bpe" else 8)
    if vocab_size < needed:
        raise ConfigError(explain(f"training a {kind} tokenizer", expected=f"vocab_size >= {needed}", got=vocab_size))
    return learners[kind](_not_empty(texts), vocab_size, list(dict.fromkeys(control_tokens)))


def _bpe(texts: Iterator[str], vocab_size: int, control: list[str]) -> Tokenizer:
    library = tokenizers.Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=control,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(texts, trainer)
    return Tokenizer(library, _ends(control))


def _wordpiece(texts: Iterator[str], vocab_size: int, control: list[str]) -> Tokenizer:
    library = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    library.normalizer = normalizers.BertNormalizer()
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.decoder = decoders.WordPiece()
    special = list(dict.fromkeys([*BERT_ROLES.values(), *control]))
    trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=special, show_progress=False)
    library.train_from_iterator(texts, trainer)
    ids = {token: i for i, token in enumerate(special)}
    library.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    return Tokenizer(library, BERT_ROLES)


def _unigram(texts: Iterator[str], vocab_size: int, control: list[str]) -> Tokenizer:
    library = tokenizers.Tokenizer(models.Unigram())
    library.pre_tokenizer = pre_tokenizers.Metaspace()
    library.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=vocab_size,
        special_tokens=list(dict.fromkeys([*control, _UNKNOWN])),
        unk_token=_UNKNOWN,
        show_progress=False,
    )
    library.train_from_iterator(texts, trainer)
    return Tokenizer(library, {"unk_token": _UNKNOWN, **_ends(control)})


def _character(texts: Iterator[str], vocab_size: int, control: list[str]) -> Tokenizer:
    special = list(dict.fromkeys([*control, _UNKNOWN]))
    characters = sorted(set(chain.from_iterable(texts)))
    if len(special) + len(characters) > vocab_size:
        room = f"at most {vocab_size - len(special)} characters"
        raise ConfigError(
            explain("training a character tokenizer", expected=room, got=len(characters), do="raise vocab_size")
        )
    vocab = {token: i for i, token in enumerate([*special, *characters])}
    library = tokenizers.Tokenizer(models.WordLevel(vocab=vocab, unk_token=_UNKNOWN))
    library.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), behavior="isolated")
    library.decoder = decoders.Fuse()
    library.add_special_tokens(special)
    return Tokenizer(library, {"unk_token": _UNKNOWN, **_ends(control)})


def _ends(control: list[str]) -> dict[str, str]:
    return {"bos_token": control[0], "eos_token": control[0]} if control else {}


def _not_empty(texts: Iterable[str]) -> Iterator[str]:
    rest = iter(texts)
    for first in rest:
        if first.strip():
            return chain([first], rest)
    raise DataError(explain("training a tokenizer", expected="some text", got="none"))
