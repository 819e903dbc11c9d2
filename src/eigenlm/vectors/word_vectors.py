"""Words and their vectors: what lies near a word, near a sum of words, and between two."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import DataError, ShapeError, explain, near_spellings
from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.expression import Summand, parse

_BLOCK_ROWS = 1 << 16


@dataclass(frozen=True)
class Neighbour:
    """A word, and the cosine of its vector with what was asked."""

    word: str
    cosine: float


@dataclass(frozen=True, eq=False, repr=False)
class WordVectors:
    """Words, each with a vector; all cosines are of vectors at length 1.

    Attributes:
        words: V different words, the most frequent first where that is known.
        vectors: (V, D), float32, in memory or in a file that is mapped.

    >>> space = WordVectors(("king", "man", "woman", "queen"), torch.tensor([[1.0, 1], [1, 0], [-1, 0], [-1, 1]]))
    >>> [answer.word for answer in space.ask("king - man + woman", k=1)]
    ['queen']
    """

    words: Sequence[str]
    vectors: Float[Tensor, "V D"]
    source: str = field(default="vectors")

    def __post_init__(self) -> None:
        V, D = self.vectors.shape
        if len(self.words) != V or not V or not D:
            got = f"{len(self.words):,} words, {V:,} vectors of {D} numbers"
            raise ShapeError(explain(self.source, expected="a vector for every word", got=got))
        if len(self.place) < V:
            twice = next(word for i, word in enumerate(self.words) if self.place[word] != i)
            raise DataError(explain(self.source, expected="different words", got=f"{twice!r} more than once"))

    @cached_property
    def place(self) -> dict[str, int]:
        """The row of each word."""
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def lengths(self) -> Float[Tensor, " V"]:
        """Euclidean lengths of the vectors."""
        return torch.cat([torch.linalg.vector_norm(block, dim=1) for block in self.vectors.split(_BLOCK_ROWS)])

    def __repr__(self) -> str:
        return f"WordVectors of {self.source}: {len(self):,} words, {self.dim} numbers each"

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.place

    def __getitem__(self, word: str) -> Float[Tensor, " D"]:
        """The vector of a word, as it is."""
        return self.vectors[self.index(word)]

    @property
    def dim(self) -> int:
        """D, numbers in a vector."""
        return self.vectors.shape[1]

    def index(self, word: str) -> int:
        """The row of a word; of one in large letters that is not there, that of the same in small letters.

        Raises:
            DataError: the word is not there; names some that are spelled nearly so.
        """
        row = self.find(word)
        if row is not None:
            return row
        do = near_spellings(word, self.words)
        raise DataError(explain(self.source, expected="a word that has a vector", got=repr(word), do=do))

    def find(self, word: str) -> int | None:
        """The row that `index` gives, or None."""
        return self.place.get(word, self.place.get(word.lower()))

    def unit(self, words: Iterable[str]) -> Float[Tensor, "n D"]:
        """The vectors of some words at length 1; a zero vector stays zero."""
        return unit_rows(self.vectors[[self.index(word) for word in words]])

    def similarity(self, one: str, other: str) -> float:
        """The cosine of two words."""
        first, second = self.unit((one, other))
        return float(first @ second)

    def neighbours(self, word: str, k: int = 10) -> list[Neighbour]:
        """The k words nearest to a word, itself left out."""
        return self.nearest(self[word], k, without=(self.index(word),))

    def ask(self, expression: str, k: int = 10, *, honest: bool = False) -> list[Neighbour]:
        """The k words nearest to a sum of words, each taken at length 1: 3CosAdd (Mikolov and others 2013).

        Args:
            expression: words with + and - between them: `king - man + woman`.
            k: how many answers.
            honest: the words of the question may be answers too; they mostly come first.
        """
        terms = parse(expression)
        rows = [self.index(term.word) for term in terms]
        return self.nearest(self.sum_of(terms), k, without=() if honest else rows)

    def sum_of(self, terms: Sequence[Summand]) -> Float[Tensor, " D"]:
        """sum of weight x / |x| over the words."""
        weights = torch.tensor([term.weight for term in terms])
        return weights @ self.unit(term.word for term in terms)

    def odd_one_out(self, words: Sequence[str]) -> list[Neighbour]:
        """The words by their cosine with the mean of all at length 1, the one that fits least first.

        Raises:
            DataError: fewer than three words.
        """
        if len(words) < 3:
            raise DataError(explain("odd one out", expected="three words or more", got=len(words)))
        units = self.unit(words)
        cosines = units @ unit_rows(units.mean(0))
        return sorted(map(Neighbour, words, cosines.tolist()), key=lambda found: found.cosine)

    def nearest(self, query: Float[Tensor, " D"], k: int, *, without: Collection[int] = ()) -> list[Neighbour]:
        """The k words whose vectors have the largest cosine with a vector, the rows `without` left out."""
        cosines = self.cosines(query)
        cosines[list(without)] = -torch.inf
        best = cosines.topk(min(k, len(self) - len(set(without))))
        return [Neighbour(self.words[i], cosine) for i, cosine in zip(best.indices.tolist(), best.values.tolist())]

    def cosines(self, query: Float[Tensor, " D"]) -> Float[Tensor, " V"]:
        """The cosine of every word with a vector, 0 where either is the zero vector; nothing is copied whole.

        Raises:
            ShapeError: of another length.
        """
        if query.shape != (self.dim,):
            raise ShapeError(explain("cosines", expected=f"a vector of {self.dim} numbers", got=tuple(query.shape)))
        products = self.vectors @ unit_rows(query)
        return torch.where(self.lengths > 0, products / self.lengths, 0.0)

    def first(self, count: int | None) -> "WordVectors":
        """The same with the first words alone; all of them for None."""
        if count is None or count >= len(self):
            return self
        return WordVectors(self.words[:count], self.vectors[:count], self.source)
