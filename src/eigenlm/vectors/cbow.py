"""Continuous bag of words with negative sampling (arXiv:1301.3781): the mean of the words around foretells a word."""

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int32, UInt32

from eigenlm.machine.compiled import compiled
from eigenlm.vectors.corpus import BOUNDARY, Corpus
from eigenlm.vectors.epochs import Trained, Windows, in_epochs, small_random
from eigenlm.vectors.mean_of_rows import mean_of_rows, move_rows
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

Foretold = tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, "m 4"], Int32[np.ndarray, " t"]]
"""Words, the places of those that are foretold, and what for."""


@dataclass(frozen=True, kw_only=True)
class ContinuousBagOfWords(Windows):
    """Settings of CBOW."""


def train(corpus: Corpus, config: ContinuousBagOfWords) -> Trained:
    """Vectors that make sum_i [log sigma(h . c_i) + sum_n log sigma(-h . c_n)] large, h the mean of w_j near place i.

    A step changes every word of a window, so that windows go one after the other, while the next block is read.

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
    most = max(2 * config.window, 1 + config.negatives)

    def prepare(ids: np.ndarray, key: np.uint64) -> Foretold:
        kept = read(ids, stays, key)
        return kept, *_windows(kept, noise, config.window, config.negatives, key)

    def fit(pool: Executor, block: Foretold, rate: np.float32) -> tuple[float, int]:
        return pool.submit(_fit, W, C, block, most, rate).result(), len(block[1])

    losses = in_epochs(corpus, config, prepare, fit)
    return Trained(vectors=torch.from_numpy(W), contexts=torch.from_numpy(C), losses=losses)


@compiled
def _windows(
    ids: Int32[np.ndarray, " n"], noise: UInt32[np.ndarray, "V 2"], window: int, negatives: int, key: np.uint64
) -> tuple[Int32[np.ndarray, "m 4"], Int32[np.ndarray, " t"]]:
    """Of each word: its place, where its window starts and stops, and where its targets stop; and all targets."""
    each = 1 + negatives
    places, targets = np.empty((len(ids), 4), np.int32), np.empty(len(ids) * each, np.int32)
    m, t, place = 0, 0, FIRST_PLACE
    for centre in range(len(ids)):
        if ids[centre] == BOUNDARY:
            continue
        place += np.uint64(1)
        start, stop = reach(ids, centre, window, random_bits(key, place))
        if stop - start > 1:
            t += with_noise(ids[centre], noise, targets[t : t + each], key, place)
            places[m, 0], places[m, 1], places[m, 2], places[m, 3] = centre, start, stop, t
            m, place = m + 1, place + np.uint64(negatives)
    return places[:m], targets[:t]


@compiled
def _fit(
    W: Float32[np.ndarray, "V D"], C: Float32[np.ndarray, "V D"], block: Foretold, most: int, rate: np.float32
) -> float:
    ids, places, targets = block
    D = W.shape[1]
    h, around = np.empty(D, np.float32), np.empty(most, np.int32)
    room, loss = np.empty((2, max(D, most)), np.float32), np.array([0.0, 1.0])
    first = 0
    for m in range(len(places)):
        centre, start, stop, last = places[m, 0], places[m, 1], places[m, 2], places[m, 3]
        rows = around[: stop - start - 1]
        rows[: centre - start], rows[centre - start :] = ids[start:centre], ids[centre + 1 : stop]
        mean_of_rows(W, rows, h)
        steps(h, C, targets[first:last], rate, room, loss)
        move_rows(W, rows, room[1, :D])
        first = last
    return loss[0] + np.log(loss[1])
