"""A direction in a space that pairs of words have in common: from man to woman, from small to large."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.vectors.word_vectors import Neighbour, WordVectors

_NONE = 1e-6  # lengths of differences below it are rounding of float32


@dataclass(frozen=True, eq=False, kw_only=True)
class Axis:
    """A direction from the first words of pairs to the second.

    Attributes:
        pairs: the words.
        direction: (D,) of length 1.
        energy: sum of <d, direction>^2 / sum of |d|^2 over the differences d: the share of them that lies on it; pairs
            whose differences have nothing in common would have about 1 / (number of pairs).
        along: for each pair, the cosine of its difference with the direction.
    """

    pairs: tuple[tuple[str, str], ...]
    direction: Float[Tensor, " D"]
    energy: float
    along: tuple[float, ...]

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
    """The direction on which most of the differences y / |y| - x / |x| of pairs (x, y) lies.

    It is their first right singular vector, from x to y on the whole: unlike the mean of the differences, it is the
    best there is for the share that it is told with. Bolukbasi and others 2016 take the same one, as the first
    principal component of pairs that are centred one by one.

    >>> space = WordVectors(("low", "high", "left"), torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
    >>> found = axis(space, [("low", "high")])
    >>> [round(float(number), 4) for number in found.direction], round(found.energy, 4)
    ([-0.7071, 0.7071], 1.0)

    Raises:
        DataError: no pair, a word without a vector or with a zero one, or a pair that does not differ.
    """
    if not pairs:
        raise DataError(explain("an axis", expected="a pair of words at least", got="none", do="as in: man:woman"))
    x, y = (space.unit(side).double() for side in zip(*pairs))
    if not (torch.isfinite(x).all() and torch.isfinite(y).all()):
        raise DataError(explain("an axis", expected="vectors of finite numbers", got="others"))
    for one, other, pair in zip(x, y, pairs):
        if not (one.any() and other.any() and float(torch.dist(one, other)) > _NONE):
            got = f"none between {pair[0]!r} and {pair[1]!r}"
            raise DataError(explain("an axis", expected="a difference of direction", got=got))
    differences = y - x
    _, S, Vh = torch.linalg.svd(differences, full_matrices=False)
    on_it = differences @ Vh[0]
    sign = 1.0 if float(on_it.sum()) >= 0 else -1.0
    along = sign * on_it / torch.linalg.vector_norm(differences, dim=1)
    return Axis(
        pairs=tuple((one, other) for one, other in pairs),
        direction=sign * Vh[0],
        energy=float(S[0].square() / S.square().sum()),
        along=tuple(along.tolist()),
    )


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
