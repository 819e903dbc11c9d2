"""Negative sampling (arXiv:1310.4546): a word that is there is told from words that are drawn."""

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64, UInt32

from eigenlm.machine.compiled import compiled
from eigenlm.vectors.corpus import BOUNDARY

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX, _MIX_AGAIN = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
FIRST_PLACE = np.uint64(1 << 32)
"""From here on windows and words are drawn; the places before are those of the words that are read."""
_LARGE = 1e300  # where a product of numbers up to 2 is turned into a sum


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
def with_noise(
    word: int, noise: UInt32[np.ndarray, "V 2"], targets: Int32[np.ndarray, " n"], key: np.uint64, place: np.uint64
) -> int:
    """Write a word, then ~j for each of the words j that are drawn for it, itself left out; returns how many."""
    targets[0] = word
    n = 1
    for k in range(1, len(targets)):
        other = drawn(noise, random_bits(key, place + np.uint64(k)))
        if other != word:
            targets[n] = ~other
            n += 1
    return n


@compiled
def steps(
    w: Float32[np.ndarray, " D"],
    C: Float32[np.ndarray, "V D"],
    targets: Int32[np.ndarray, " n"],
    rate: np.float32,
    room: Float32[np.ndarray, "2 most"],
    loss: Float64[np.ndarray, "2"],
) -> None:
    """A step down the gradient of the sum of -log sigma(+-w . c_j), plus where j is there and minus where it is drawn.

    All products are taken before anything moves, as word2vec takes those of a word and what is drawn for it: none waits
    for the one before. w itself is left for its owner to move.

    Args:
        w: a vector, from which some words are foretold.
        C: where theirs are, which move.
        targets: each a word j that is there, or ~j of one that is drawn.
        rate: how far to go.
        room: at least n and D wide; gives the move of w in its second row.
        loss: gains a sum and a product; what is lost is the first plus the logarithm of the second.
    """
    pushes, move = room[0], room[1]
    for n in range(len(targets)):
        j, true = (targets[n], np.float32(1)) if targets[n] >= 0 else (~targets[n], np.float32(0))
        dot = np.float32(0)
        for d in range(len(w)):
            dot += w[d] * C[j, d]
        small = np.exp(-abs(dot))  # sigma(|dot|) = 1 / (1 + small)
        pushes[n] = rate * (true - (np.float32(1) if dot > 0 else small) / (np.float32(1) + small))
        loss[0] += max(dot, np.float32(0)) - true * dot
        loss[1] *= np.float32(1) + small
        if loss[1] > _LARGE:
            loss[0] += np.log(loss[1])
            loss[1] = 1
    for d in range(len(w)):
        move[d] = 0
    for n in range(len(targets)):
        j, push = targets[n] if targets[n] >= 0 else ~targets[n], pushes[n]
        for d in range(len(w)):
            c = C[j, d]
            C[j, d] = c + push * w[d]
            move[d] += push * c
