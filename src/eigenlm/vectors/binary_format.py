"""Word vectors as word2vec's binary file: `V D`, then each word, a space, and its numbers as float32."""

import mmap
from pathlib import Path

import numpy as np
import torch

from eigenlm.errors import DataError, explain
from eigenlm.files import regular
from eigenlm.machine.memory import check_memory
from eigenlm.vectors.collected import Collected
from eigenlm.vectors.text_format import HEADER
from eigenlm.vectors.word_vectors import WordVectors

_WORDS = 1 << 16  # that are taken at once
_LONGEST = 1 << 16  # bytes of a word


def read_binary(path: Path) -> WordVectors:
    """Read word2vec's binary format; a line may end after each vector (as word2vec's do) or not (as gensim's).

    Raises:
        DataError: no such file, or one that ends too soon.
    """
    with regular(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        header = HEADER.match(data.readline())
        if header is None:
            raise DataError(explain(f"reading {path}", expected="a first line of two numbers", got="another"))
        expected, dim = int(header[1]), int(header[2])
        if not expected or not dim or expected * (4 * dim + 2) > len(data):
            said = f"{expected:,} words of {dim:,} numbers, as its first line says"
            do = "the file has been cut short, or is another format"
            raise DataError(explain(f"reading {path}", expected=said, got=f"{len(data):,} bytes", do=do))
        check_memory(8 * dim * expected, None, f"reading {path}", "take fewer words")
        found, at, left = Collected(str(path), dim), data.tell(), expected
        while left:
            words, vectors, at = _some(path, data, at, min(left, _WORDS), dim)
            found.add(words, vectors)
            left -= len(words)
    return found.space(expected)


def write_binary(space: WordVectors, path: Path) -> None:
    """Write what word2vec and gensim read; a line ends after each vector."""
    with path.open("wb") as file:
        file.write(f"{len(space)} {space.dim}\n".encode())
        for word, row in zip(space.words, space.vectors):
            file.write(word.encode() + b" " + row.numpy().astype("<f4").tobytes() + b"\n")


def _some(path: Path, data: mmap.mmap, at: int, count: int, dim: int) -> tuple[list[bytes], torch.Tensor, int]:
    """So many words and vectors from a place on, and where the next begin."""
    words: list[bytes] = []
    vectors = np.empty((count, dim), dtype=np.float32)
    for i in range(count):
        space = data.find(b" ", at, at + _LONGEST)
        if space < 0 or space + 1 + 4 * dim > len(data):
            got = f"the end after {len(words):,} of {count:,} more"
            raise DataError(explain(f"reading {path}", expected="a word and its vector", got=got))
        words.append(data[at:space].lstrip(b"\n"))
        vectors[i] = np.frombuffer(data[space + 1 : space + 1 + 4 * dim], "<f4")
        at = space + 1 + 4 * dim
    return words, torch.from_numpy(vectors), at
