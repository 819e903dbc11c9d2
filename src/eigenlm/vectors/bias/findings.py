"""Figures of bias in words, for who has never met them."""

from collections.abc import Mapping, Sequence

from eigenlm.estimate import Estimate
from eigenlm.vectors.bias.permutation_test import PermutationTest

_CHANCE = 0.05
_STRENGTHS = ((0.8, "strongly"), (0.5, "clearly"), (0.2, "weakly"), (0.0, "hardly"))  # Cohen 1988


def lean(targets: Sequence[str], attributes: Sequence[str], d: float, test: PermutationTest) -> str:
    """Which group leans to which attribute, if chance would seldom make it so.

    >>> p = PermutationTest(p=Estimate(value=0.01, low=0.01, high=0.01), ways=100, exact=True)
    >>> lean(("flowers", "insects"), ("good", "bad"), 1.5, p)
    'Flowers lean to good, insects to bad: strongly'
    """
    (x, y), (a, b) = targets, attributes
    strength = next(said for least, said in _STRENGTHS if abs(d) >= least)
    if test.p.value < _CHANCE:
        return _sentence(f"{x} lean to {a}, {y} to {b}: {strength}")
    if test.p.value > 1 - _CHANCE:
        return _sentence(f"the other way: {x} lean to {b}, {y} to {a}: {strength}")
    return "Not told from chance"


def side(targets: Sequence[str], attribute: str, toward_first: Estimate) -> str:
    """Which of two groups an attribute is nearer to; above 0 it is the first."""
    x, y = targets
    if toward_first.low > 0 or toward_first.high < 0:
        return _sentence(f"{attribute} is nearer to {x if toward_first.low > 0 else y}")
    return _sentence(f"{attribute} is told nearer to neither")


def most_and_least(what: str, by_word: Mapping[str, float]) -> str:
    """The words with the largest and with the smallest figure.

    >>> most_and_least("bad", {"rose": 0.25, "wasp": 0.75, "ant": 0.5})
    'Most bad: wasp (0.75); least: rose (0.25)'
    """
    most, least = max(by_word, key=by_word.__getitem__), min(by_word, key=by_word.__getitem__)
    return f"Most {what}: {most} ({by_word[most]:.2f}); least: {least} ({by_word[least]:.2f})"


def likeness(targets: Sequence[str], attribute: str, correlation: float) -> str:
    """Whether two groups order an attribute's words alike."""
    said = "much alike" if correlation > 0.8 else "partly alike" if correlation > 0.4 else "hardly alike"
    return _sentence(f"{targets[0]} and {targets[1]} order {attribute} {said}")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
