"""Pairs of words that people judged: how alike cosines and judgements order them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from eigenlm.errors import DataError, explain
from eigenlm.estimate import Estimate
from eigenlm.vectors.word_vectors import WordVectors

_DRAWS = 1000


@dataclass(frozen=True, kw_only=True)
class Judged:
    """How well cosines order the pairs as people did.

    Attributes:
        name: of the set.
        pairs: of which both words have vectors.
        unknown: the others.
        spearman: rank correlation, with a bootstrap interval over pairs.
    """

    name: str
    pairs: int
    unknown: int
    spearman: Estimate


@dataclass(frozen=True, kw_only=True)
class JudgedPairs:
    """The pairs of a set whose words a space has.

    Attributes:
        pairs: of words.
        judgements: what people said of each.
        unknown: how many pairs there are beside.
    """

    pairs: Sequence[tuple[str, str]]
    judgements: Float[np.ndarray, " n"]
    unknown: int

    def cosines(self, space: WordVectors) -> Float[np.ndarray, " n"]:
        """Of the two words of each pair."""
        one, other = (space.unit(words) for words in zip(*self.pairs))
        return (one * other).sum(1).numpy()

    def correlations(self, cosines: Float[np.ndarray, " n"], *, seed: int) -> tuple[float, Float[np.ndarray, " draws"]]:
        """Spearman's correlation of cosines with judgements, and those of pairs that are drawn with replacement."""
        n = len(self.pairs)
        draws = np.random.default_rng(seed).integers(n, size=(_DRAWS, n))
        drawn = np.array([_spearman(cosines[draw], self.judgements[draw]) for draw in draws])
        return _spearman(cosines, self.judgements), drawn


def judged(space: WordVectors, path: Path, *, seed: int = 0) -> Judged:
    """Spearman's rank correlation of cosines with judgements (WordSim-353, SimLex-999 and sets like them).

    Args:
        space: words and vectors.
        path: lines of two words and a number, with tabs between them; lines with another third field are headings.
        seed: of the bootstrap's draws.

    Raises:
        DataError: no file, or fewer than three pairs whose words have vectors.
    """
    known = judged_pairs(space, path)
    value, drawn = known.correlations(known.cosines(space), seed=seed)
    return Judged(
        name=path.stem, pairs=len(known.pairs), unknown=known.unknown, spearman=bootstrap_estimate(value, drawn)
    )


def judged_pairs(space: WordVectors, path: Path) -> JudgedPairs:
    """The pairs of a file whose words have vectors.

    Raises:
        DataError: no file, or fewer than three.
    """
    pairs = _read(path)
    known = [(one, other, said) for one, other, said in pairs if _has(space, one) and _has(space, other)]
    if len(known) < 3:
        got = f"{len(known)} of {len(pairs)}"
        raise DataError(explain(f"pairs of {path}", expected="three whose words have vectors", got=got))
    said = np.array([score for _, _, score in known])
    return JudgedPairs(
        pairs=[(one, other) for one, other, _ in known], judgements=said, unknown=len(pairs) - len(known)
    )


def bootstrap_estimate(value: float, drawn: Float[np.ndarray, " draws"]) -> Estimate:
    """A figure with the quantiles, at 2.5 % and 97.5 %, of the same from draws; what is no number is left out."""
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Estimate(value=value, low=float(low), high=float(high))


def _has(space: WordVectors, word: str) -> bool:
    return word in space or word.lower() in space


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    ranks = rankdata(one), rankdata(other)
    return float(np.corrcoef(*ranks)[0, 1]) if min(np.ptp(rank) for rank in ranks) > 0 else np.nan


def _read(path: Path) -> list[tuple[str, str, float]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(explain(f"reading {path}", expected="a text of pairs", got=str(error)[:200])) from error
    pairs = []
    for line in lines:
        fields = line.split("\t")
        try:
            pairs.append((fields[0].strip(), fields[1].strip(), float(fields[2])))
        except (IndexError, ValueError):
            continue
    return pairs
