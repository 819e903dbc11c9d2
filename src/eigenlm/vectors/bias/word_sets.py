"""The words of a query that a space has vectors for, and those that it has not."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from eigenlm.errors import DataError, counted, explain
from eigenlm.vectors.bias.queries import BiasQuery, WordList
from eigenlm.vectors.word_vectors import WordVectors

MOST_MISSING = 0.2
"""The share of a set that may have no vectors, as in WEFE; beyond it, the set is no longer what was chosen."""


@dataclass(frozen=True, eq=False, kw_only=True)
class WordSet:
    """Words of a set with their vectors.

    Attributes:
        name: of the set.
        words: that have vectors, as the query spells them.
        missing: the others, and those whose vector is zero.
        vectors: float64, along the first dimension as many as words.
    """

    name: str
    words: tuple[str, ...]
    missing: tuple[str, ...]
    vectors: Float64[Tensor, "n *vectors D"]


@dataclass(frozen=True, eq=False, kw_only=True)
class QuerySets:
    """The sets of a query with their vectors.

    Attributes:
        targets: the groups.
        attributes: what they may be near to.
        paired: the first two groups are pairs, word by word, with both words there.
    """

    targets: tuple[WordSet, ...]
    attributes: tuple[WordSet, ...]
    paired: bool = False

    @property
    def all(self) -> tuple[WordSet, ...]:
        """Targets, then attributes."""
        return self.targets + self.attributes


def find_sets(space: WordVectors, query: BiasQuery) -> QuerySets:
    """Look the words of a query up; a word in large letters that is not there is looked up in small ones.

    Of pairs with one word missing, neither is used.

    Raises:
        DataError: a vector is not finite.
    """
    found = {word: space.find(word) for group in (*query.targets, *query.attributes) for word in group.words}
    rows = {word: row for word, row in found.items() if row is not None and _is_usable(space, row)}
    dropped: set[str] = set()
    if query.paired:
        pairs = zip(*(group.words for group in query.targets))
        dropped = {word for pair in pairs if not rows.keys() >= set(pair) for word in pair}
    usable = {word: row for word, row in rows.items() if word not in dropped}
    targets = tuple(_set(space, group, usable) for group in query.targets)
    attributes = tuple(_set(space, group, usable) for group in query.attributes)
    return QuerySets(targets=targets, attributes=attributes, paired=query.paired)


def refusal(sets: Iterable[WordSet], fewest: int) -> str:
    """Why sets are too small to be measured; nothing if they are not."""
    for group in sets:
        total = len(group.words) + len(group.missing)
        if len(group.missing) > MOST_MISSING * total:
            return f"{len(group.missing)} of {counted(total, 'word')} of {group.name!r} have no vector"
        if len(group.words) < fewest:
            return f"{group.name!r} has {counted(len(group.words), 'word')} with a vector, and {fewest} are needed"
    return ""


def _set(space: WordVectors, group: WordList, rows: dict[str, int]) -> WordSet:
    words = tuple(word for word in group.words if word in rows)
    missing = tuple(word for word in group.words if word not in rows)
    vectors = space.vectors[[rows[word] for word in words]].double()
    return WordSet(name=group.name, words=words, missing=missing, vectors=vectors)


def _is_usable(space: WordVectors, row: int) -> bool:
    vector = space.vectors[row]
    if not torch.isfinite(vector).all():
        got = f"others for {space.words[row]!r}"
        raise DataError(explain(f"vectors of {space.source}", expected="finite numbers", got=got))
    return bool(vector.any())
