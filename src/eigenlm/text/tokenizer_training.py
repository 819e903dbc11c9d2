"""Tokenizers learned from text."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Literal

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from eigenlm.allowed import check_vocabulary
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.progress import waiting
from eigenlm.text.library_errors import told
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_classes import BERT_ROLES

Kind = Literal["bpe", "wordpiece", "unigram", "character"]

_UNKNOWN = "<unk>"
_PART = 1 << 18  # characters
_BORDER = re.compile(r"(?<=\S)\n(?=\S)")
_LETTER_STEP = 1e-4  # of the library
_DIGITS = 5  # of a score: so few that noise moves none across a border


def train_tokenizer(
    kind: Kind, texts: Iterable[str], vocab_size: int, control_tokens: Sequence[str] = ("<|endoftext|>",)
) -> Tokenizer:
    """Learn a vocabulary.

    Args:
        kind: `bpe`, byte-level byte-pair encoding, which writes every string exactly (Radford et al. 2019);
            `wordpiece`, lower-cased words and `##` continuations (BERT, arXiv:1810.04805); `unigram`, the likeliest
            cut under a unigram model (arXiv:1804.10959); `character`, one token a character.
        texts: what to learn from; read once.
        vocab_size: the most tokens, control tokens included. The same texts give the same vocabulary in any process.
        control_tokens: the first ids, in this order; the first of them begins and ends texts. BERT's five and the
            unknown token are added where the kind needs them.

    Raises:
        DataError: there is no text.
        ConfigError: an unknown kind, or a vocabulary too small to hold what it must.
    """
    learners = {"bpe": _bpe, "wordpiece": _wordpiece, "unigram": _unigram, "character": _character}
    if kind not in learners:
        raise ConfigError(explain("training a tokenizer", expected=f"one of {', '.join(learners)}", got=repr(kind)))
    check_vocabulary(kind, vocab_size, control_tokens)
    some = chain.from_iterable(in_parts(kind, text) for text in _not_empty(texts))
    with (
        waiting("learning a vocabulary"),
        told(f"training a {kind} tokenizer", expected="a vocabulary", error=ConfigError, do="raise vocab_size"),
    ):
        return learners[kind](some, vocab_size, list(dict.fromkeys(control_tokens)))


def in_parts(kind: str, text: str) -> Iterator[str]:
    """A document in parts that give the same vocabulary, for which the library takes 105 bytes a character.

    A line that begins and follows on a letter or sign begins a word; for unigrams it does not.
    """
    start = 0
    while kind != "unigram" and (border := _BORDER.search(text, start + _PART)):
        yield text[start : border.end()]
        start = border.end()
    yield text[start:]


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
    special = list(dict.fromkeys([*BERT_ROLES.values(), *control]))
    counts = _counts(_of_words(models.WordPiece()), trainers.WordPieceTrainer(vocab_size=1, show_progress=False), texts)
    # The library numbers `##a`, `##b`, ... in the order of its hashes, which no two processes share, and merges pairs
    # of one count in the order of their numbers: so the letters are numbered here.
    letters = sorted(set().union(*counts)), sorted(set().union(*(word[1:] for word in counts)))
    first = dict.fromkeys([*special, *letters[0], *(f"##{letter}" for letter in letters[1])])
    trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=list(first), show_progress=False)
    learner = _of_words(models.WordPiece())
    learner.train_from_iterator((f"{word} " * count for word, count in counts.items()), trainer)
    library = _of_words(models.WordPiece(learner.get_vocab(), unk_token="[UNK]"))
    library.decoder = decoders.WordPiece()
    library.add_special_tokens(special)
    ids = {token: i for i, token in enumerate(special)}
    library.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    return Tokenizer(library, BERT_ROLES)


def _of_words(model: models.WordPiece) -> tokenizers.Tokenizer:
    library = tokenizers.Tokenizer(model)
    library.normalizer = normalizers.BertNormalizer()
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return library


def _counts(library: tokenizers.Tokenizer, trainer: trainers.Trainer, texts: Iterator[str]) -> dict[str, int]:
    """How often each word is in the texts, the words in order; the library counts on every core."""
    library.train_from_iterator(texts, trainer)
    (state,) = json.loads(trainer.__getstate__()).values()
    return dict(sorted(state["bpe_trainer"]["words"].items()))


def _unigram(texts: Iterator[str], vocab_size: int, control: list[str]) -> Tokenizer:
    special = list(dict.fromkeys([*control, _UNKNOWN]))
    library = tokenizers.Tokenizer(models.Unigram())
    library.pre_tokenizer = pre_tokenizers.Metaspace()
    library.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=vocab_size, special_tokens=special, unk_token=_UNKNOWN, show_progress=False
    )
    library.train_from_iterator(texts, trainer)
    pieces = [(token, score) for token, score in json.loads(library.to_str())["model"]["vocab"]]
    library.model = models.Unigram(_settled(pieces, len(special)), unk_id=special.index(_UNKNOWN))
    return Tokenizer(library, {"unk_token": _UNKNOWN, **_ends(control)})


def _settled(pieces: list[tuple[str, float]], num_special: int) -> list[tuple[str, float]]:
    """The pieces as any process would have them.

    The library sums in the order of its hashes, which moves scores by 1e-14 or so; and it gives letters that no piece
    kept the lowest score and steps above it in that order.
    """
    special, learned = pieces[:num_special], pieces[num_special:]
    lowest = min((score for _, score in learned), default=0.0)
    steps = {token: (score - lowest) / _LETTER_STEP for token, score in learned if len(token) == 1}
    letters = {token: step for token, step in steps.items() if abs(step - round(step)) < 1e-6}
    scores = dict(learned) | {
        letter: lowest + step * _LETTER_STEP for letter, step in zip(sorted(letters), sorted(letters.values()))
    }
    rounded = {token: round(score, _DIGITS) for token, score in scores.items()}
    return [*special, *sorted(rounded.items(), key=lambda piece: (-piece[1], piece[0]))]


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
