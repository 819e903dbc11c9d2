"""Skip-gram with negative sampling (arXiv:1310.4546): a word foretells each word near it."""

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int32, Int64, UInt32

from eigenlm.machine.compiled import compiled
from eigenlm.vectors.corpus import BOUNDARY, Corpus
from eigenlm.vectors.disjoint_blocks import dealt, in_rounds
from eigenlm.vectors.epochs import Trained, Windows, in_epochs, small_random
from eigenlm.vectors.negative_sampling import (
    FIRST_PLACE,
    chance_to_stay,
    noise_table,
    random_bits,
    reach,
    read,
    steps,
    with_noise,
)

_TOGETHER = 12  # pairs of one word that are a step at most
Pairs = tuple[Int32[np.ndarray, "n 2"], Int64[np.ndarray, " ends"]]


@dataclass(frozen=True, kw_only=True)
class SkipGram(Windows):
    """Settings of skip-gram."""


def train(corpus: Corpus, config: SkipGram) -> Trained:
    """Vectors that make sum_(i,j) [log sigma(w_i . c_j) + sum_n log sigma(-w_i . c_n)] large, n drawn for each pair.

    Pairs of a word that come together in a block are one step, and the outcome is the same for any number of threads.

    Args:
        corpus: the text, of which a block is in memory at a time.
        config: dim, window and the rest.

    Raises:
        DataError: the vectors ran away.
    """
    W = small_random(len(corpus.words), config.dim, config.seed)
    C = np.zeros_like(W)
    noise = noise_table(corpus.counts, config.ns_exponent)
    stays = chance_to_stay(corpus.counts, config.subsample)

    def prepare(ids: np.ndarray, key: np.uint64) -> Pairs:
        return dealt(_pairs(read(ids, stays, key), noise, config.window, config.negatives, key))

    def fit(pool: Executor, block: Pairs, rate: np.float32) -> tuple[float, int]:
        pairs, ends = block
        loss = in_rounds(pool, ends, lambda part: _fit(W, C, pairs[part], rate))
        return loss, int(np.count_nonzero(pairs[:, 1] >= 0))

    losses = in_epochs(corpus, config, prepare, fit)
    return Trained(vectors=torch.from_numpy(W), contexts=torch.from_numpy(C), losses=losses)


@compiled
def _pairs(
    ids: Int32[np.ndarray, " n"], noise: UInt32[np.ndarray, "V 2"], window: int, negatives: int, key: np.uint64
) -> Int32[np.ndarray, "m 2"]:
    """Words i, and for each a word j near it, or ~j of one that is drawn."""
    each = 1 + negatives
    pairs = np.empty((len(ids) * 2 * window * each, 2), np.int32)
    m, place = 0, FIRST_PLACE
    for centre in range(len(ids)):
        if ids[centre] == BOUNDARY:
            continue
        place += np.uint64(1)
        start, stop = reach(ids, centre, window, random_bits(key, place))
        for near in range(start, stop):
            if near != centre:
                n = with_noise(ids[near], noise, pairs[m : m + each, 1], key, place)
                pairs[m : m + n, 0] = ids[centre]
                m, place = m + n, place + np.uint64(negatives)
    return pairs[:m]


@compiled
def _fit(
    W: Float32[np.ndarray, "V D"], C: Float32[np.ndarray, "V D"], pairs: Int32[np.ndarray, "n 2"], rate: np.float32
) -> float:
    D = W.shape[1]
    room, loss = np.empty((2, max(D, _TOGETHER)), np.float32), np.array([0.0, 1.0])
    start = 0
    while start < len(pairs):
        word, stop = pairs[start, 0], start + 1
        while stop < min(start + _TOGETHER, len(pairs)) and pairs[stop, 0] == word:
            stop += 1
        steps(W[word], C, pairs[start:stop, 1], rate, room, loss)
        for d in range(D):
            W[word, d] += room[1, d]
        start = stop
    return loss[0] + np.log(loss[1])
