"""Negative sampling (arXiv:1310.4546): a word that is there is told from words that are drawn."""

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt32

from eigenlm.vectors.compiled import compiled
from eigenlm.vectors.corpus import BOUNDARY

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX, _MIX_AGAIN = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
FIRST_PLACE = np.uint64(1 << 32)
"""From here on windows and words are drawn; the places before are those of the words that are read."""


def noise_table(counts: Int64[np.ndarray, " V"], exponent: float) -> UInt32[np.ndarray, "V 2"]:
    """Walker's table of P(word) ~ count^exponent: a place is drawn, then itself below its threshold, else its alias."""
    V = len(counts)
    shares = counts**exponent
    shares *= V / shares.sum()
    table = np.stack([np.full(V, np.iinfo(np.uint32).max, np.uint32), np.arange(V, dtype=np.uint32)], axis=1)
    small, large = list(np.flatnonzero(shares < 1)), list(np.flatnonzero(shares >= 1))
    while small and large:
        poor, rich = small.pop(), large[-1]
        table[poor] = shares[poor] * np.iinfo(np.uint32).max, rich
        shares[rich] -= 1 - shares[poor]
        if shares[rich] < 1:
            small.append(large.pop())
    return table


def chance_to_stay(counts: Int64[np.ndarray, " V"], subsample: float) -> Float32[np.ndarray, " V"]:
    """The chance (sqrt(f / t) + 1) t / f that a place of a word with share f of the text is read; all if t is 0."""
    if not subsample:
        return np.ones(len(counts), np.float32)
    often = counts / counts.sum() / subsample
    return np.minimum((np.sqrt(often) + 1) / often, 1).astype(np.float32)


def key_of(*numbers: int) -> np.uint64:
    """A number of 64 bits for some numbers, from which the random numbers of a block come."""
    return np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]


@compiled
def random_bits(key: np.uint64, place: np.uint64) -> np.uint64:
    """64 random bits of a place (SplitMix64)."""
    z = key + place * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _MIX
    z = (z ^ (z >> np.uint64(27))) * _MIX_AGAIN
    return z ^ (z >> np.uint64(31))


@compiled
def below(bits: np.uint64, limit: int) -> np.int64:
    """A whole number in [0, limit) from the upper half of random bits."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(limit)) >> np.uint64(32))


@compiled
def drawn(noise: UInt32[np.ndarray, "V 2"], bits: np.uint64) -> np.int64:
    """A word of the noise."""
    place = below(bits, noise.shape[0])
    return place if np.uint32(bits & np.uint64(0xFFFFFFFF)) < noise[place, 0] else np.int64(noise[place, 1])


@compiled
def read(ids: Int32[np.ndarray, " n"], stays: Float32[np.ndarray, " V"], key: np.uint64) -> Int32[np.ndarray, " m"]:
    """The words that stay when the frequent ones are thinned out, and the ends of lines."""
    kept = np.empty(len(ids), np.int32)
    m = 0
    for place in range(len(ids)):
        word = ids[place]
        uniform = np.float32(random_bits(key, np.uint64(place)) >> np.uint64(40)) * np.float32(2.0**-24)
        if word == BOUNDARY or uniform < stays[word]:
            kept[m] = word
            m += 1
    return kept[:m]


@compiled
def reach(ids: Int32[np.ndarray, " n"], centre: int, most: int, bits: np.uint64) -> tuple[int, int]:
    """The first place of a window and the one after its last: 1..most words to each side, within a line."""
    size = 1 + below(bits, most)
    start = centre
    while start > 0 and centre - start < size and ids[start - 1] != BOUNDARY:
        start -= 1
    stop = centre + 1
    while stop < len(ids) and stop - centre <= size and ids[stop] != BOUNDARY:
        stop += 1
    return start, stop


@compiled
def step(
    W: Float32[np.ndarray, "V D"], i: int, C: Float32[np.ndarray, "V D"], j: int, true: bool, rate: np.float32
) -> float:
    """A step down the gradient of -log sigma(+-w_i . c_j), plus where j is there and minus where it is drawn."""
    dot = np.float32(0)
    for d in range(W.shape[1]):
        dot += W[i, d] * C[j, d]
    small = np.exp(-abs(dot))  # sigma(|dot|) = 1 / (1 + small)
    share = (np.float32(1) if dot > 0 else small) / (np.float32(1) + small)
    push = rate * ((np.float32(1) if true else np.float32(0)) - share)
    for d in range(W.shape[1]):
        w = W[i, d]
        W[i, d] += push * C[j, d]
        C[j, d] += push * w
    return np.log(np.float32(1) + small) + max(-dot if true else dot, np.float32(0))
