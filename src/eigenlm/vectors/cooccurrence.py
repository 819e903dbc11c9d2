"""How often words stand near each other: a sparse symmetric matrix, counted from a text larger than memory."""

import math
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Literal, NamedTuple

import numpy as np
import scipy.sparse

from eigenlm.progress import track
from eigenlm.vectors.corpus import BOUNDARY, Corpus

Weighting = Literal["linear", "harmonic", "flat"]
_SHARES: dict[Weighting, Callable[[int, int], tuple[int, int]]] = {
    "linear": lambda distance, window: (window - distance + 1, window),
    "harmonic": lambda distance, window: (math.lcm(*range(1, window + 1)) // distance, math.lcm(*range(1, window + 1))),
    "flat": lambda distance, window: (1, 1),
}
"""What two words count that stand so far apart, as a fraction: word2vec's expected weight, GloVe's 1 / distance, 1."""

_BLOCK = 1 << 20  # words whose pairs are sorted at once
_MERGED = 1 << 23  # pairs that are added up at once


class PairCounts(NamedTuple):
    """Pairs, ascending and different, each i V + j of two words i <= j; and what each counts so far, a whole number."""

    pairs: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class PairRun:
    """Pair counts in a file, of which a part is in memory at a time.

    Attributes:
        file: what holds them.
        start: the byte at which they begin, pairs before counts.
        count: how many there are.
    """

    file: IO[bytes]
    start: int
    count: int

    def all(self) -> PairCounts:
        """Mapped, until nobody holds it."""
        if not self.count:
            return PairCounts(np.empty(0, np.int64), np.empty(0, np.int64))
        both = np.memmap(self.file, dtype=np.int64, mode="r", offset=self.start, shape=(2, self.count))
        return PairCounts(both[0], both[1])

    def between(self, low: int, high: int) -> PairCounts:
        """A copy of pairs from low to high - 1."""
        pairs, counts = self.all()
        inside = slice(*np.searchsorted(pairs, (low, high)))
        return PairCounts(np.array(pairs[inside]), np.array(counts[inside]))


def cooccurrence(corpus: Corpus, *, window: int = 5, weighting: Weighting = "linear") -> scipy.sparse.csr_array:
    """C_ij = the sum of weight(distance) over all places where i and j stand within a window, as U of C = U + U^T.

    Pairs are written as numbers, sorted in blocks, and blocks of the sorted are added up: no table of all pairs is
    held but the result. Weights are whole multiples of one fraction and are added as such, so that the sums are exact
    and the same in any order.

    Args:
        corpus: the text.
        window: how many words to each side are near.
        weighting: what a pair counts: (window - distance + 1) / window (`linear`), 1 / distance (`harmonic`), or 1.

    Returns:
        U (V, V), float32, above the diagonal, and half of the diagonal: half of the memory of C.
    """
    V = len(corpus.words)
    shares = [_SHARES[weighting](distance, window) for distance in range(1, window + 1)]
    weights, whole = np.array([share for share, _ in shares], dtype=np.int64), shares[0][1]
    starts = range(0, len(corpus.ids), _BLOCK)

    def counted(start: int) -> PairCounts:
        return _added(_pairs(corpus.part(start, start + _BLOCK + window), V, weights, _BLOCK))

    with ThreadPoolExecutor(2) as pool, tempfile.TemporaryFile() as file:
        runs = [_in_file(run, file) for run in track(pool.map(counted, starts), "counting pairs", total=len(starts))]
        return _matrix(_merged(runs, V), V, whole)


def _pairs(ids: np.ndarray, V: int, weights: np.ndarray, most: int) -> PairCounts:
    """The pairs whose first word is among the first `most`, sorted; each is there as often as in the text."""
    line = np.cumsum(ids == BOUNDARY, dtype=np.int32)
    wide = ids.astype(np.int64)
    bits = len(weights).bit_length()
    found = []
    for distance in range(1, len(weights) + 1):
        one, other = wide[:-distance][:most], wide[distance:][:most]
        near = (line[:-distance][:most] == line[distance:][:most]) & (one >= 0) & (other >= 0)
        one, other = one[near], other[near]
        found.append((np.minimum(one, other) * V + np.maximum(one, other)) << bits | (distance - 1))
    keys = np.concatenate(found) if found else np.empty(0, np.int64)
    keys.sort()
    return PairCounts(keys >> bits, weights[keys & ((1 << bits) - 1)])


def _added(run: PairCounts) -> PairCounts:
    """Pairs in ascending order with the counts of equal ones added."""
    first = np.flatnonzero(np.diff(run.pairs, prepend=-1))
    return PairCounts(run.pairs[first], np.add.reduceat(run.counts, first)) if len(first) else run


def _in_file(run: PairCounts, file: IO[bytes]) -> PairRun:
    start = file.seek(0, os.SEEK_END)
    for numbers in run:
        file.write(numbers.tobytes())
    file.flush()
    return PairRun(file, start, len(run.pairs))


def _merged(runs: list[PairRun], V: int) -> Iterator[PairCounts]:
    """All runs as one, in parts of whole rows."""
    rows = sum((np.bincount(run.all().pairs // V, minlength=V) for run in runs), np.zeros(V, np.int64))
    ends = np.cumsum(rows)
    start = 0
    while start < V:
        stop = max(start + 1, int(np.searchsorted(ends, (ends[start - 1] if start else 0) + _MERGED)))
        pairs, counts = map(np.concatenate, zip(*(run.between(start * V, stop * V) for run in runs)))
        order = np.argsort(pairs)
        yield _added(PairCounts(pairs[order], counts[order]))
        start = stop


def _matrix(parts: Iterator[PairCounts], V: int, whole: int) -> scipy.sparse.csr_array:
    """Pairs of a word with itself are seen from both of its places in C and once in a run: so that is half of C_ii."""
    columns, values, rows = [], [], np.zeros(V, dtype=np.int64)
    for pairs, counts in parts:
        columns.append((pairs % V).astype(np.int32))
        values.append((counts / whole).astype(np.float32))
        rows += np.bincount(pairs // V, minlength=V)
    ends = np.concatenate([[0], np.cumsum(rows)])
    return scipy.sparse.csr_array((_joined(values), _joined(columns), ends), shape=(V, V))


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """One array of all, which are let go one by one: memory that nobody has written to is not taken yet."""
    end = sum(map(len, parts))
    whole = np.empty(end, parts[0].dtype)
    while parts:
        part = parts.pop()
        whole[end - len(part) : end] = part
        end -= len(part)
    return whole
