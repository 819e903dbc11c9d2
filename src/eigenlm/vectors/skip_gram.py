"""Skip-gram with negative sampling (arXiv:1310.4546): a word foretells each word near it."""

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int32, Int64, UInt32

from eigenlm.vectors.compiled import compiled
from eigenlm.vectors.corpus import BOUNDARY, Corpus
from eigenlm.vectors.disjoint_blocks import by_block, in_rounds
from eigenlm.vectors.epochs import Trained, Windows, in_epochs, small_random
from eigenlm.vectors.negative_sampling import (
    FIRST_PLACE,
    chance_to_stay,
    drawn,
    noise_table,
    random_bits,
    reach,
    read,
    step,
)

Pairs = tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, " n"], Int64[np.ndarray, " blocks"]]


@dataclass(frozen=True, kw_only=True)
class SkipGram(Windows):
    """Settings of skip-gram."""


def train(corpus: Corpus, config: SkipGram) -> Trained:
    """Vectors that make sum_(i,j) [log sigma(w_i . c_j) + sum_n log sigma(-w_i . c_n)] large, n drawn for each pair.

    Every pair is a step of its own, and the outcome is the same for any number of threads.

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
        words, targets = _pairs(read(ids, stays, key), noise, config.window, config.negatives, key)
        order, ends = by_block(words, np.where(targets < 0, ~targets, targets))
        return words[order], targets[order], ends

    def fit(pool: Executor, pairs: Pairs, rate: np.float32) -> tuple[float, int]:
        words, targets, ends = pairs
        loss = in_rounds(pool, ends, lambda block: _fit(W, C, words[block], targets[block], rate))
        return loss, int(np.count_nonzero(targets >= 0))

    losses = in_epochs(corpus, config, prepare, fit)
    return Trained(vectors=torch.from_numpy(W), contexts=torch.from_numpy(C), losses=losses)


@compiled
def _pairs(
    ids: Int32[np.ndarray, " n"], noise: UInt32[np.ndarray, "V 2"], window: int, negatives: int, key: np.uint64
) -> tuple[Int32[np.ndarray, " m"], Int32[np.ndarray, " m"]]:
    """Words i, and for each a word j near it, or ~j of one that is drawn."""
    most = len(ids) * 2 * window * (1 + negatives)
    words, targets = np.empty(most, np.int32), np.empty(most, np.int32)
    m, place = 0, FIRST_PLACE
    for centre in range(len(ids)):
        if ids[centre] == BOUNDARY:
            continue
        place += np.uint64(1)
        start, stop = reach(ids, centre, window, random_bits(key, place))
        for near in range(start, stop):
            if near == centre:
                continue
            words[m], targets[m] = ids[centre], ids[near]
            m += 1
            for _ in range(negatives):
                place += np.uint64(1)
                other = drawn(noise, random_bits(key, place))
                if other != ids[near]:
                    words[m], targets[m] = ids[centre], ~other
                    m += 1
    return words[:m], targets[:m]


@compiled
def _fit(
    W: Float32[np.ndarray, "V D"],
    C: Float32[np.ndarray, "V D"],
    words: Int32[np.ndarray, " n"],
    targets: Int32[np.ndarray, " n"],
    rate: np.float32,
) -> float:
    loss = 0.0
    for k in range(len(words)):
        target = targets[k]
        loss += step(W, words[k], C, target if target >= 0 else ~target, target >= 0, rate)
    return loss
