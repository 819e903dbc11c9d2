"""A direction in a space that pairs of words have in common: from man to woman, from small to large."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.word_vectors import Neighbour, WordVectors

_NONE = 1e-6  # lengths of differences below it are rounding of float32


@dataclass(frozen=True, eq=False, kw_only=True)
class Axis:
    """A direction from the first words of pairs to the second.

    Attributes:
        pairs: the words.
        direction: (D,) of length 1.
        along: for each pair, the cosine of its difference with the direction.
    """

    pairs: tuple[tuple[str, str], ...]
    direction: Float[Tensor, " D"]
    along: tuple[float, ...]

    @property
    def energy(self) -> float:
        """The share of the pairs' differences that lies on the direction, each pair counting alike: mean of cos^2.

        Of k pairs that have nothing in common it is about 1 / k.
        """
        return sum(cosine**2 for cosine in self.along) / len(self.along)

    def coordinates(self, space: WordVectors, words: Sequence[str]) -> list[Neighbour]:
        """Words with the cosine of each with the direction, those nearest to the first ends first."""
        cosines = (space.unit(words) @ self.direction.float()).tolist()
        return sorted(map(Neighbour, words, cosines), key=lambda found: found.cosine)

    def ends(self, space: WordVectors, k: int = 10, *, most: int = 50_000) -> tuple[list[Neighbour], list[Neighbour]]:
        """The k words nearest to either end, the outermost first, the words of the pairs left out.

        Args:
            space: where to look.
            k: how many for each end.
            most: words of the space, from the first, that are looked at; rare words fill the ends otherwise.
        """
        looked_at = space.first(most)
        own = {space.index(word) for pair in self.pairs for word in pair}
        without = [row for row in own if row < len(looked_at)]
        toward_first = looked_at.nearest(-self.direction.float(), k, without=without)
        return (
            [Neighbour(found.word, -found.cosine) for found in toward_first],
            looked_at.nearest(self.direction.float(), k, without=without),
        )


def axis(space: WordVectors, pairs: Sequence[tuple[str, str]]) -> Axis:
    """The mean of the differences y / |y| - x / |x| of pairs (x, y), each difference at length 1.

    No pair counts more than another, and each is known to go from x to y. A first principal component knows neither:
    where the pairs have little in common, it is the direction of the one pair that differs most.

    >>> space = WordVectors(("low", "high", "left"), torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
    >>> found = axis(space, [("low", "high")])
    >>> [round(float(number), 4) for number in found.direction], round(found.energy, 4)
    ([-0.7071, 0.7071], 1.0)

    Raises:
        DataError: no pair, a word without a vector or with a zero one, a pair that does not differ, or pairs that
            cancel out.
    """
    differences = unit_rows(_differences(space, pairs))
    mean = differences.mean(0)
    if float(torch.linalg.vector_norm(mean)) < _NONE:
        got, do = "pairs that cancel out", "give all of them in one order"
        raise DataError(explain("an axis", expected="pairs with something in common", got=got, do=do))
    return _axis(pairs, differences, unit_rows(mean))


def principal_axis(space: WordVectors, pairs: Sequence[tuple[str, str]]) -> Axis:
    """The direction that holds most of the differences y / |y| - x / |x| of pairs (x, y): Bolukbasi and others 2016.

    It is their first right singular vector, from x to y on the whole, and the first principal component of the pairs
    when each is centred.

    Raises:
        DataError: as of `axis`.
    """
    differences = _differences(space, pairs)
    _, _, Vh = torch.linalg.svd(differences, full_matrices=False)
    sign = 1.0 if float((differences @ Vh[0]).sum()) >= 0 else -1.0
    return _axis(pairs, unit_rows(differences), sign * Vh[0])


def _axis(pairs: Sequence[tuple[str, str]], differences: Float[Tensor, "n D"], direction: Float[Tensor, " D"]) -> Axis:
    along = tuple((differences @ direction).tolist())
    return Axis(pairs=tuple((one, other) for one, other in pairs), direction=direction, along=along)


def _differences(space: WordVectors, pairs: Sequence[tuple[str, str]]) -> Float[Tensor, "n D"]:
    if not pairs:
        raise DataError(explain("an axis", expected="a pair of words at least", got="none", do="as in: man:woman"))
    for word in (word for pair in pairs for word in pair):
        if not torch.isfinite(space[word]).all():
            raise DataError(explain("an axis", expected="vectors of finite numbers", got=f"others for {word!r}"))
    x, y = (space.unit(side).double() for side in zip(*pairs))
    for one, other, pair in zip(x, y, pairs):
        if not (one.any() and other.any() and float(torch.dist(one, other)) > _NONE):
            got = f"none between {pair[0]!r} and {pair[1]!r}"
            raise DataError(explain("an axis", expected="a difference of direction", got=got))
    return y - x


def parse_pair(said: str) -> tuple[str, str]:
    """A pair as it is typed.

    >>> parse_pair("man:woman")
    ('man', 'woman')

    Raises:
        DataError: it is not written so.
    """
    one, _, other = (part.strip() for part in said.partition(":"))
    if not one or not other or ":" in other:
        raise DataError(explain("an axis", expected="pairs such as man:woman", got=repr(said)))
    return one, other
