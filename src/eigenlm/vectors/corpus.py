"""A text of any size as the numbers of its words: read once, kept in a file, the rare words left out."""

import mmap
import string
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int32, Int64

from eigenlm.errors import DataError, explain
from eigenlm.progress import track
from eigenlm.text.corpus import chunks

BOUNDARY = -1
"""The number that stands where a line ends: no context reaches over it."""

_BLOCK = 1 << 22  # characters that are cut into words at once
_AHEAD = 4  # blocks that are read before the first of them is numbered
_DASHES = "\N{EM DASH}\N{EN DASH}\N{HORIZONTAL BAR}"
_QUOTES = "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT DOUBLE QUOTATION MARK}"
_QUOTES += "\N{RIGHT DOUBLE QUOTATION MARK}\N{HORIZONTAL ELLIPSIS}\N{BULLET}"


@dataclass(frozen=True)
class Corpus:
    """A text as numbers of words.

    Attributes:
        ids: (n,) the words in order, and `BOUNDARY` between lines; 4 bytes each, in memory or in a file.
        words: (V,) the most frequent first; of two that are as frequent, the one that came first.
        counts: (V,) how often each word is in `ids`.
        num_read: words of the text, those that are left out among them.
    """

    ids: Int32[np.ndarray, " n"]
    words: tuple[str, ...]
    counts: Int64[np.ndarray, " V"]
    num_read: int

    def part(self, start: int, stop: int) -> Int32[np.ndarray, " m"]:
        """A copy of some numbers; those of a file are out of memory again."""
        return _copied(self.ids, start, stop)


def read_corpus(text: Path | str | Iterable[str], *, min_count: int = 5, most: int | None = None) -> Corpus:
    """The words of a text: what stands between white space, in small letters, without signs at its ends.

    A line is what contexts stay in, as in word2vec, GloVe and fastText. Words that are too rare are left out, and those
    around them become neighbours (word2vec does the same). The numbers of the words are in a temporary file, so
    that only the vocabulary is in memory.

    Args:
        text: a file or folder, as `eigenlm.text.corpus.read_documents` takes it; a text; or several.
        min_count: how often a word has to be there.
        most: the most words, the most frequent of them; None for all.

    Raises:
        DataError: no word is frequent enough, or the text cannot be read.
    """
    numbers: dict[str, int] = {}
    with tempfile.TemporaryFile() as file:
        for block in track(_numbered(_blocks(text), numbers), "reading"):
            file.write(block.tobytes())
        file.flush()
        ids = np.memmap(file, dtype=np.int32, mode="r+") if file.tell() else np.empty(0, np.int32)
    words = np.array(list(numbers), dtype=object)
    counts = np.zeros(len(words), dtype=np.int64)
    for block in _parts(ids):
        counts += np.bincount(block[block >= 0], minlength=len(words))
    order = np.argsort(-counts, kind="stable")
    kept = order[counts[order] >= min_count][:most]
    if not len(kept):
        expected, got = f"a word that is there {min_count} times", f"{len(words):,} different words, none as often"
        raise DataError(explain("reading the corpus", expected=expected, got=got, do="give more text or a lower count"))
    return Corpus(_renumbered(ids, kept, len(words)), tuple(words[kept]), counts[kept], int(counts.sum()))


def _renumbered(ids: np.ndarray, kept: np.ndarray, before: int) -> np.ndarray:
    """The same words by their new numbers, in the same file, without those that are not kept."""
    number = np.full(before + 1, BOUNDARY - 1, dtype=np.int32)
    number[kept] = np.arange(len(kept), dtype=np.int32)
    number[BOUNDARY] = BOUNDARY  # the last place, which is that of -1
    end = 0
    for block in _parts(ids):
        new = number[block]
        new = new[new >= BOUNDARY]
        ids[end : end + len(new)] = new
        end += len(new)
    return ids[:end]


def _parts(ids: np.ndarray, size: int = 1 << 24) -> Iterator[np.ndarray]:
    return (_copied(ids, start, start + size) for start in range(0, len(ids), size))


def _copied(ids: np.ndarray, start: int, stop: int) -> np.ndarray:
    part = np.array(ids[start:stop])
    if isinstance(ids, np.memmap):
        ids._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]  # pages that were read would stay
    return part


def _numbered(blocks: Iterable[str], numbers: dict[str, int]) -> Iterator[np.ndarray]:
    """Blocks as numbers; a word gets the next number when it first comes. Two blocks are cut at the same time."""
    with ThreadPoolExecutor(2) as pool:
        waiting = []
        for block in blocks:
            waiting.append(pool.submit(_words, block))
            if len(waiting) == _AHEAD:
                yield _numbers(waiting.pop(0).result(), numbers)
        for left in waiting:
            yield _numbers(left.result(), numbers)


def _words(block: str) -> tuple[list[str], np.ndarray]:
    """The different words of a block, and where each stands; the last number is that of an end of line."""
    lines = pa.array([line for line in block.split("\n") if line], pa.string())
    for dash in (*_DASHES, "--"):
        lines = pc.replace_substring(lines, dash, " ")
    cut = pc.utf8_split_whitespace(pc.utf8_lower(lines))
    found = pc.dictionary_encode(pc.utf8_trim(cut.values, string.punctuation + _QUOTES))
    words = found.dictionary.to_pylist()
    ids = np.insert(found.indices.to_numpy(), cut.offsets.to_numpy()[1:], len(words))
    return words, ids


def _numbers(found: tuple[list[str], np.ndarray], numbers: dict[str, int]) -> np.ndarray:
    words, ids = found
    table = [numbers.setdefault(word, len(numbers)) if word else BOUNDARY - 1 for word in words]
    placed = np.array([*table, BOUNDARY], dtype=np.int32)[ids]
    return placed[placed >= BOUNDARY]


def _blocks(text: Path | str | Iterable[str]) -> Iterator[str]:
    """A text in parts that end where a line does, or a word if a line is longer than a part."""
    rest = ""
    for chunk in _chunks(text):
        rest += chunk
        if len(rest) >= _BLOCK:
            cut = rest.rfind("\n") + 1 or rest.rfind(" ") + 1 or len(rest)
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest


def _chunks(text: Path | str | Iterable[str]) -> Iterator[str]:
    if isinstance(text, Path):
        yield from chunks(text, _BLOCK)
    elif isinstance(text, str):
        yield text
    else:
        yield from (document + "\n" for document in text)
