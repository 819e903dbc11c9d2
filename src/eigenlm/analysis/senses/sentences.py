"""A word in sentences, each with the sense it has there: given, checked, and found in the text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.errors import CheckpointError, DataError, explain

_FEWEST = 3


@dataclass(frozen=True, kw_only=True)
class SenseSentences:
    """What is asked of a model.

    Attributes:
        word: the word.
        senses: the sentences of each sense, two senses or more, three sentences or more for each.
    """

    word: str
    senses: Mapping[str, Sequence[str]]


def read_senses(path: str | Path) -> SenseSentences:
    """Read `{"word": "bank", "senses": {"river": ["...", ...], "money": ["...", ...]}}`.

    Raises:
        DataError: no such file, or other content; the message says what is missing.
    """
    try:
        values = read_json_object(Path(path))
    except CheckpointError as error:
        raise DataError(str(error)) from error
    operation = f"sentences in {path}"
    word, senses = values.get("word"), values.get("senses")
    if not isinstance(word, str):
        raise DataError(explain(operation, expected='a string under "word"', got=_kind(values, "word")))
    if not isinstance(senses, dict):
        raise DataError(explain(operation, expected='an object under "senses"', got=_kind(values, "senses")))
    for sense, sentences in senses.items():
        if not isinstance(sentences, list) or not all(isinstance(sentence, str) for sentence in sentences):
            raise DataError(explain(operation, expected=f"a list of strings under {sense!r}", got="something else"))
    check_sentences(word, senses)
    return SenseSentences(word=word, senses={sense: tuple(sentences) for sense, sentences in senses.items()})


def check_sentences(word: str, senses: Mapping[str, Sequence[str]]) -> None:
    """Refuse what no statistic can be taken of.

    Raises:
        DataError: fewer than two senses, fewer than three sentences for one of them, a sentence without the word, or
            one that is given twice.
    """
    operation = f"senses of {word!r}"
    if len(senses) < 2:
        raise DataError(explain(operation, expected="at least two senses", got=len(senses)))
    seen: set[str] = set()
    for sense, sentences in senses.items():
        if len(sentences) < _FEWEST:
            expected = f"at least {_FEWEST} sentences for {sense!r}"
            raise DataError(explain(operation, expected=expected, got=len(sentences), do="add more; 12 tell much more"))
        for sentence in sentences:
            place_of(word, sentence)
            if sentence in seen:
                raise DataError(explain(operation, expected="different sentences", got=f"{sentence!r} twice"))
            seen.add(sentence)


def place_of(word: str, sentence: str) -> tuple[int, int]:
    """Where the word stands for the last time: first character, and one past the last.

    Raises:
        DataError: the sentence is without it.

    >>> place_of("bank", "Banks near the Bank's bank.")
    (22, 26)
    """
    places = places_of(word, sentence)
    if not places:
        expected = "it in every sentence, as a whole word"
        raise DataError(explain(f"senses of {word!r}", expected=expected, got=repr(sentence)))
    return places[-1]


def places_of(word: str, sentence: str) -> list[tuple[int, int]]:
    """Where the word stands, as a whole word in any case: first character, and one past the last, for each time.

    >>> places_of("bank", "Banks near the Bank's bank.")
    [(15, 19), (22, 26)]
    """
    found = re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", sentence, re.IGNORECASE) if word else ()
    return [match.span() for match in found]


def _kind(values: Mapping[str, Any], key: str) -> str:
    return type(values[key]).__name__ if key in values else "nothing"
