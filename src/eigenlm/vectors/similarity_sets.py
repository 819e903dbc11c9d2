"""Pairs of words that people judged: how alike cosines and judgements order them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
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


def judged(space: WordVectors, path: Path, *, seed: int = 0) -> Judged:
    """Spearman's rank correlation of cosines with judgements (WordSim-353, SimLex-999 and sets like them).

    Args:
        space: words and vectors.
        path: lines of two words and a number, with tabs between them; lines with another third field are headings.
        seed: of the bootstrap's draws.

    Raises:
        DataError: no file, or fewer than three pairs whose words have vectors.
    """
    pairs = _read(path)
    known = [(one, other, said) for one, other, said in pairs if _has(space, one) and _has(space, other)]
    if len(known) < 3:
        got = f"{len(known)} of {len(pairs)}"
        raise DataError(explain(f"pairs of {path}", expected="three whose words have vectors", got=got))
    cosines = (space.unit(one for one, _, _ in known) * space.unit(other for _, other, _ in known)).sum(1).numpy()
    said = np.array([score for _, _, score in known])
    draws = np.random.default_rng(seed).integers(len(known), size=(_DRAWS, len(known)))
    low, high = np.nanquantile([_spearman(cosines[draw], said[draw]) for draw in draws], (0.025, 0.975))
    found = Estimate(value=_spearman(cosines, said), low=float(low), high=float(high))
    return Judged(name=path.stem, pairs=len(known), unknown=len(pairs) - len(known), spearman=found)


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
