"""Hard debiasing: a direction is taken out of all words but those that mean it, and pairs differ in it alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.linalg.similarity import unit_rows
from eigenlm.progress import track
from eigenlm.vectors.axis import Axis, principal_axis
from eigenlm.vectors.bias.queries import DebiasWords
from eigenlm.vectors.word_vectors import WordVectors

_BLOCK_ROWS = 1 << 16
_NONE = 1e-6  # a part of a vector below it is rounding of float32


@dataclass(frozen=True, eq=False, kw_only=True)
class Debiased:
    """A space without a bias.

    Attributes:
        name: of the bias.
        space: the same words, vectors of length 1.
        axis: what was taken out, with the pairs that it comes from.
        missing: defining pairs of which a word has no vector.
        equalized: pairs that were made equal, as they are spelled.
        kept: words that keep what they mean.
    """

    name: str
    space: WordVectors
    axis: Axis
    missing: tuple[tuple[str, str], ...]
    equalized: tuple[tuple[str, str], ...]
    kept: tuple[str, ...]


def hard_debias(space: WordVectors, words: DebiasWords) -> Debiased:
    """Neutralize and equalize (Bolukbasi and others 2016, arXiv:1607.06520, section 6).

    With g the direction of the pairs and all vectors at length 1: of every word that is not specific, w - <w, g> g at
    length 1. Then, of every pair to equalize with the mean m of its vectors as they were and v = m - <m, g> g, the two
    become v + z g and v - z g, z = sqrt(1 - |v|^2): both are equally near to every word that has nothing of g. Specific
    words are compared without regard to large and small letters; pairs are looked for in small letters, Title Case and
    LARGE LETTERS. So does WEFE.

    Args:
        space: words and vectors, which stay as they are.
        words: pairs, and what is done with which word.

    Raises:
        DataError: no pair has vectors, or a vector is not finite.
    """
    known = [pair for pair in words.pairs if all(space.find(word) is not None for word in pair)]
    if not known:
        got, do = f"none of {len(words.pairs)}", "name others under [debias] in a file of queries"
        raise DataError(explain(f"debiasing {space.source}", expected="pairs that have vectors", got=got, do=do))
    found = principal_axis(space, known)
    kept = _specific(space, words)
    vectors = torch.empty(len(space), space.dim)
    blocks = range(0, len(space), _BLOCK_ROWS)
    for start in track(blocks, "debiasing"):
        block = space.vectors[start : start + _BLOCK_ROWS]
        if not torch.isfinite(block).all():
            raise DataError(explain(f"debiasing {space.source}", expected="finite numbers", got="others"))
        rest = without(unit_rows(block).double(), found.direction)
        rest[torch.linalg.vector_norm(rest, dim=1) < _NONE] = 0
        vectors[start : start + _BLOCK_ROWS] = unit_rows(rest).float()
    rows = [space.place[word] for word in kept]
    vectors[rows] = unit_rows(space.vectors[rows])
    equalized = tuple(dict.fromkeys(pair for pair in _spelled(words.equalize) if set(pair) <= space.place.keys()))
    for pair in equalized:
        one, other = space.unit(pair).double()
        vectors[[space.place[word] for word in pair]] = equal(one, other, found.direction).float()
    return Debiased(
        name=words.name,
        space=WordVectors(space.words, vectors, f"{space.source} without {words.name}"),
        axis=found,
        missing=tuple(pair for pair in words.pairs if pair not in known),
        equalized=equalized,
        kept=tuple(kept),
    )


def without(W: Float[Tensor, "*n D"], g: Float[Tensor, " D"]) -> Float[Tensor, "*n D"]:
    """w - <w, g> g of each w, for g of length 1."""
    return W - (W @ g)[..., None] * g


def equal(one: Float[Tensor, " D"], other: Float[Tensor, " D"], g: Float[Tensor, " D"]) -> Float[Tensor, "2 D"]:
    """The two of length 1 with the same part outside g, and opposite parts on it, in the order that they had."""
    v = without((one + other) / 2, g)
    z = (1 - v.square().sum()).clamp_min(0).sqrt() * (1 if float((one - other) @ g) >= 0 else -1)
    return unit_rows(torch.stack([v + z * g, v - z * g]))


def _specific(space: WordVectors, words: DebiasWords) -> list[str]:
    lower = {word.lower() for word in words.specific}
    return [word for word in space.words if word.lower() in lower]


def _spelled(pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for one, other in pairs:
        yield from ((one.lower(), other.lower()), (one.title(), other.title()), (one.upper(), other.upper()))
