from collections import Counter

import numpy as np
import pytest
import scipy.sparse

from eigenlm.vectors import cooccurrence as module
from eigenlm.vectors.cooccurrence import cooccurrence
from eigenlm.vectors.corpus import BOUNDARY, Corpus

WEIGHTS = {
    "linear": lambda distance, window: (window - distance + 1) / window,
    "harmonic": lambda distance, window: 1 / distance,
    "flat": lambda distance, window: 1.0,
}


def some_corpus(length: int, V: int, seed: int = 0) -> Corpus:
    rng = np.random.default_rng(seed)
    ids = rng.zipf(1.5, length).clip(1, V).astype(np.int32) - 1
    ids[rng.random(length) < 0.1] = BOUNDARY
    return Corpus(ids, tuple(map(str, range(V))), np.bincount(ids[ids >= 0], minlength=V), length)


def naive(corpus: Corpus, window: int, weight) -> Counter:
    found: Counter = Counter()
    for at, one in enumerate(corpus.ids):
        for distance in range(1, window + 1):
            if one == BOUNDARY or at + distance >= len(corpus.ids) or corpus.ids[at + distance] == BOUNDARY:
                break
            other = corpus.ids[at + distance]
            found[one, other] += weight(distance, window)
            found[other, one] += weight(distance, window)
    return found


@pytest.mark.parametrize("weighting", WEIGHTS)
@pytest.mark.parametrize("window", [1, 5, 9])
def test_every_pair_within_a_window_counts_by_its_distance(weighting, window):
    corpus = some_corpus(700, 30)
    upper, want = cooccurrence(corpus, window=window, weighting=weighting), naive(corpus, window, WEIGHTS[weighting])
    dense = np.zeros((30, 30))
    for pair, count in want.items():
        dense[pair] = count
    np.testing.assert_allclose((upper + upper.transpose()).toarray(), dense, rtol=1e-6)
    assert scipy.sparse.tril(upper, -1).nnz == 0


def test_blocks_and_parts_change_nothing(monkeypatch):
    corpus = some_corpus(5000, 200)
    whole = cooccurrence(corpus, window=4)
    monkeypatch.setattr(module, "_BLOCK", 333)
    monkeypatch.setattr(module, "_MERGED", 50)
    parts = cooccurrence(corpus, window=4)
    assert np.array_equal(parts.toarray(), whole.toarray())  # sums of whole numbers, the same to the bit


def test_lines_of_one_word_have_no_pairs():
    corpus = Corpus(np.array([0, BOUNDARY, 1, BOUNDARY], np.int32), ("a", "b"), np.array([1, 1]), 2)
    assert cooccurrence(corpus).nnz == 0
