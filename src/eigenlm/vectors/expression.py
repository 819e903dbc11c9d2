"""Sums of words as people write them: `king - man + woman`."""

import re
from dataclasses import dataclass

from eigenlm.errors import DataError, explain

_SIGN = re.compile(r"\s*(\+|\N{MINUS SIGN}|(?:^|(?<=\s))-)\s*")
_WEIGHT = re.compile(r"(\d+(?:\.\d+)?)\s*\*\s*(\S.*)")


@dataclass(frozen=True)
class Summand:
    """A word, and what it is multiplied by."""

    word: str
    weight: float


def parse(expression: str) -> list[Summand]:
    """The words of a sum with their signs; a minus has white space before it, since words have hyphens in them.

    >>> parse("king - man + woman")
    [Summand(word='king', weight=1.0), Summand(word='man', weight=-1.0), Summand(word='woman', weight=1.0)]
    >>> parse("well-known + 0.5*author")
    [Summand(word='well-known', weight=1.0), Summand(word='author', weight=0.5)]
    >>> parse("king - ")
    Traceback (most recent call last):
    eigenlm.errors.DataError: a sum of words: expected a word after every sign, got 'king -'; as in: a - b + c

    Raises:
        DataError: no word, or a sign without one.
    """
    pieces = _SIGN.split(expression.strip())
    pieces = ["+", *pieces] if pieces[0] else pieces[1:]  # with nothing before it where it begins with a sign
    terms = [_term(sign, said) for sign, said in zip(pieces[::2], pieces[1::2])]
    if not terms or not all(term.word for term in terms):
        got, do = repr(expression.strip()), "as in: a - b + c"
        raise DataError(explain("a sum of words", expected="a word after every sign", got=got, do=do))
    return terms


def _term(sign: str, said: str) -> Summand:
    weighted = _WEIGHT.fullmatch(said)
    weight, word = (float(weighted[1]), weighted[2]) if weighted else (1.0, said)
    return Summand(word, weight if sign == "+" else -weight)
