"""A small space that any library can make again."""

import numpy as np
import torch

from eigenlm.vectors.bias.queries import BiasQuery, WordList
from eigenlm.vectors.word_vectors import WordVectors


def space(count: int = 40, dim: int = 6) -> WordVectors:
    """Words w0, w1, ...: float32 sines, of uneven lengths."""
    i, j = np.meshgrid(np.arange(count), np.arange(dim), indexing="ij")
    vectors = (np.sin(1.7 * (i + 1) * (j + 1)) + 0.1 * j) * (1 + 0.05 * i)
    return WordVectors([f"w{k}" for k in range(count)], torch.from_numpy(vectors.astype(np.float32)))


def words(start: int, end: int) -> tuple[str, ...]:
    return tuple(f"w{i}" for i in range(start, end))


def query(*, paired: bool = True) -> BiasQuery:
    """w0 ... w7 and w8 ... w15 against w16 ... w22 and w23 ... w29."""
    targets = (WordList(name="x", words=words(0, 8)), WordList(name="y", words=words(8, 16)))
    attributes = (WordList(name="a", words=words(16, 23)), WordList(name="b", words=words(23, 30)))
    return BiasQuery(name="q", targets=targets, attributes=attributes, paired=paired)
