"""The order of samples as a pure function of (seed, epoch, index): nothing to store, and any place is found at once."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np
from jaxtyping import Int64

from eigenlm.errors import ConfigError, explain


@dataclass(frozen=True)
class Permutation:
    """A keyed permutation of 0 .. size - 1, one for each (seed, epoch).

    A Feistel network on Z_a x Z_b, where a b >= size and a, b ~ sqrt(size): an index x = l b + r goes through

        l <- l + F_k(r) mod a,    r <- r + F_k(l) mod b,

    four times each, where F_k is the finaliser of splitmix64 under round key k. Every round can be undone, so this
    permutes 0 .. a b - 1; a result that is not below `size` goes through again until it is ("cycle walking"), which
    permutes 0 .. size - 1. About one in sqrt(size) at most needs that.

    >>> [int(i) for i in sorted(Permutation(5, seed=0, epoch=0)(np.arange(5)))]
    [0, 1, 2, 3, 4]

    Source: Black and Rogaway, "Ciphers with arbitrary finite domains" (CT-RSA 2002), sections 4 and 5.

    Args:
        size: how many samples there are, at least 1.
        seed: of the run.
        epoch: which pass over the samples.

    Raises:
        ConfigError: a size below 1.
    """

    size: int
    seed: int
    epoch: int

    def __post_init__(self) -> None:
        """Refuse an empty set."""
        if self.size < 1:
            raise ConfigError(explain("ordering samples", expected="at least 1 sample", got=self.size))

    def __call__(self, indices: Int64[np.ndarray, "*n"]) -> Int64[np.ndarray, "*n"]:
        """Where each index goes.

        Raises:
            ConfigError: an index that is not in 0 .. size - 1.
        """
        if indices.size and not 0 <= indices.min() <= indices.max() < self.size:
            got = f"{indices.min()} to {indices.max()}"
            raise ConfigError(explain("ordering samples", expected=f"indices from 0 to {self.size - 1}", got=got))
        x = self._rounds(indices.reshape(-1).astype(np.uint64))
        while (outside := x >= self.size).any():
            x[outside] = self._rounds(x[outside])
        return x.astype(np.int64).reshape(indices.shape)

    def _rounds(self, x: np.ndarray) -> np.ndarray:
        a, b, keys = self._network
        left: np.ndarray = x // b
        right: np.ndarray = x % b
        for key in keys.reshape(-1, 2):
            left = (left + _mixed(right + key[0]) % a) % a
            right = (right + _mixed(left + key[1]) % b) % b
        return left * b + right

    @cached_property
    def _network(self) -> tuple[np.uint64, np.uint64, np.ndarray]:
        b = isqrt(self.size - 1) + 1
        a = -(-self.size // b)
        return np.uint64(a), np.uint64(b), _keys("order", self.seed, self.epoch)


def epoch_offset(size: int, *, seed: int, epoch: int) -> int:
    """A place in 0 .. size - 1 for each (seed, epoch): where an epoch begins on its circle."""
    return int(_keys("offset", seed, epoch)[0]) % size


def _keys(*what: object) -> np.ndarray:
    """Eight words of 64 bits."""
    return np.frombuffer(hashlib.blake2b(repr(what).encode()).digest(), "<u8").astype(np.uint64)


def _mixed(x: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014); arithmetic is modulo 2^64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
