"""Skip-gram over pieces of words (fastText, arXiv:1607.04606): a word is the mean of itself and its n-grams."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32, Int64, UInt8, UInt32
from torch import Tensor

from eigenlm.errors import ConfigError, explain
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

Pieces = tuple[Int32[np.ndarray, " n"], Int64[np.ndarray, " ends"]]
"""Numbers of pieces, word after word, and where those of each word start and end."""


@dataclass(frozen=True, kw_only=True)
class Subwords(Windows):
    """Settings of skip-gram over n-grams, by default those of fastText and gensim.

    Attributes:
        min_n: characters of the shortest n-gram, with `<` before a word and `>` after it.
        max_n: of the longest.
        buckets: n-grams are told apart by their hash modulo this.
    """

    min_n: int = 3
    max_n: int = 6
    buckets: int = 2_000_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.min_n <= self.max_n:
            got = f"min_n {self.min_n}, max_n {self.max_n}"
            raise ConfigError(explain("n-grams", expected="1 <= min_n <= max_n", got=got))
        if not 1 <= self.buckets < 1 << 31:
            raise ConfigError(explain("buckets", expected="1 to 2^31 - 1", got=self.buckets))


@dataclass(frozen=True, kw_only=True)
class TrainedSubwords(Trained):
    """Vectors of words, and of the n-grams that they are made of.

    Attributes:
        config: how words are cut.
        numbers: the buckets that have n-grams of the text's words, ascending.
        pieces: the vector of each.
    """

    config: Subwords
    numbers: Int32[np.ndarray, " n"]
    pieces: Float[Tensor, "n D"]

    def vector(self, word: str) -> Float[Tensor, " D"]:
        """The mean over the n-grams of a word that the text need not have; 0 if none of them is known."""
        known = np.flatnonzero(np.isin(self.numbers, cut([word], self.config)[0]))
        return self.pieces[known].mean(0) if len(known) else torch.zeros(self.pieces.shape[1])


def train(corpus: Corpus, config: Subwords) -> TrainedSubwords:
    """Vectors of skip-gram in which w_i is the mean of the word's own vector and those of its n-grams.

    Only buckets that a word of the text has are held. A step changes many words, so that they go one after the other.

    Args:
        corpus: the text, of which a block is in memory at a time.
        config: dim, window, lengths of n-grams and the rest.

    Raises:
        DataError: the vectors ran away.
    """
    V = len(corpus.words)
    hashes, ends = cut(corpus.words, config)
    numbers, rows = np.unique(hashes, return_inverse=True)
    pieces = np.insert((V + rows).astype(np.int32), ends[:-1], np.arange(V, dtype=np.int32)), ends + np.arange(V + 1)
    W = small_random(V + len(numbers), config.dim, config.seed)
    C = np.zeros((V, config.dim), np.float32)
    noise = noise_table(corpus.counts, config.ns_exponent)
    stays = chance_to_stay(corpus.counts, config.subsample)

    def prepare(ids: np.ndarray, key: np.uint64) -> tuple[np.ndarray, np.uint64]:
        return read(ids, stays, key), key

    def fit(pool: Executor, block: tuple[np.ndarray, np.uint64], rate: np.float32) -> tuple[float, int]:
        sizes = config.window, config.negatives
        return pool.submit(_fit, (W, C), pieces, block[0], noise, sizes, block[1], rate).result()

    losses = in_epochs(corpus, config, prepare, fit)
    table, bags = torch.from_numpy(W), (torch.from_numpy(pieces[0]), torch.from_numpy(pieces[1][:-1].astype(np.int32)))
    return TrainedSubwords(
        vectors=torch.nn.functional.embedding_bag(bags[0], table, bags[1], mode="mean"),
        contexts=torch.from_numpy(C),
        losses=losses,
        config=config,
        numbers=numbers,
        pieces=table[V:],
    )


def cut(words: Sequence[str], config: Subwords) -> Pieces:
    """The buckets of the n-grams of words."""
    spelled = [f"<{word}>".encode() for word in words]
    ends = np.concatenate([[0], np.cumsum([len(word) for word in spelled])])
    return _cut(np.frombuffer(b"".join(spelled), np.uint8), ends, config.min_n, config.max_n, config.buckets)


@compiled
def _cut(letters: UInt8[np.ndarray, " n"], ends: Int64[np.ndarray, " ends"], low: int, high: int, most: int) -> Pieces:
    """As fastText: FNV-1a of the UTF-8 bytes, each with its sign; no n-gram of one letter at the ends."""
    found, bounds = np.empty(len(letters) * (high - low + 1), np.int32), np.zeros(len(ends), np.int64)
    m = 0
    for word in range(len(ends) - 1):
        for start in range(ends[word], ends[word + 1]):
            if letters[start] & 0xC0 == 0x80:  # within a character
                continue
            code, size = np.uint32(2166136261), 0
            for place in range(start, ends[word + 1]):
                code = np.uint32((code ^ np.uint32(np.int8(letters[place]))) * np.uint32(16777619))
                last = place + 1 == ends[word + 1]
                if last or letters[place + 1] & 0xC0 != 0x80:
                    size += 1
                    if size > high:
                        break
                    if size >= low and not (size == 1 and (start == ends[word] or last)):
                        found[m] = code % np.uint32(most)
                        m += 1
        bounds[word + 1] = m
    return found[:m], bounds


@compiled
def _fit(
    tables: tuple[Float32[np.ndarray, "P D"], Float32[np.ndarray, "V D"]],
    pieces: Pieces,
    ids: Int32[np.ndarray, " n"],
    noise: UInt32[np.ndarray, "V 2"],
    sizes: tuple[int, int],
    key: np.uint64,
    rate: np.float32,
) -> tuple[float, int]:
    W, C = tables
    window, negatives = sizes
    D = W.shape[1]
    h, learned, targets = np.empty(D, np.float32), np.empty(D, np.float32), np.empty(1 + negatives, np.int32)
    room, loss = np.empty((2, max(D, len(targets))), np.float32), np.array([0.0, 1.0])
    foretold, place = 0, FIRST_PLACE
    for centre in range(len(ids)):
        if ids[centre] == BOUNDARY:
            continue
        place += np.uint64(1)
        start, stop = reach(ids, centre, window, random_bits(key, place))
        rows = pieces[0][pieces[1][ids[centre]] : pieces[1][ids[centre] + 1]]
        mean_of_rows(W, rows, h)
        learned[:] = 0
        for near in range(start, stop):
            if near == centre:
                continue
            n = with_noise(ids[near], noise, targets, key, place)
            place += np.uint64(negatives)
            steps(h, C, targets[:n], rate, room, loss)
            for d in range(D):
                h[d] += room[1, d]
                learned[d] += room[1, d]
            foretold += 1
        move_rows(W, rows, learned)
    return loss[0] + np.log(loss[1]), foretold
