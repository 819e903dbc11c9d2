"""Word vectors as lines of text: a word, then its numbers; word2vec and fastText say first how many there are."""

import gzip
import re
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch

from eigenlm.errors import DataError, explain
from eigenlm.machine.memory import check_memory
from eigenlm.vectors.collected import Collected
from eigenlm.vectors.word_vectors import WordVectors

HEADER = re.compile(rb"(\d+)[ \t]+(\d+)\s*")
_LINES = 4096  # that are read at once
_LONGEST = 1 << 24  # bytes of a line


def read_text(path: Path) -> WordVectors:
    """Read word2vec's or fastText's text, whose first line is `V D`, or GloVe's, which begins at once; also .gz.

    A word may hold spaces (some of GloVe's do): the numbers are the last D fields. Lines whose word is not UTF-8 and
    words that were there before are left out, and counted on standard error.

    Raises:
        DataError: lines of different widths, fields that are no finite numbers, fewer lines than the first one says,
            no line, or a file that is damaged.
    """
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            return _read(path, file)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(explain(f"reading {path}", expected="a whole file", got=str(error)[:200])) from error


def write_text(space: WordVectors, path: Path, *, header: bool = True) -> None:
    """Write lines of a word and its numbers, each with as many digits as give the same float32 again."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        if header:
            file.write(f"{len(space)} {space.dim}\n")
        for start in range(0, len(space), _LINES):
            block = space.vectors[start : start + _LINES]
            figures = pc.cast(pa.array(block.float().numpy().ravel()), pa.string()).to_numpy(zero_copy_only=False)
            for word, row in zip(space.words[start:], figures.reshape(len(block), space.dim)):
                file.write(f"{word} {' '.join(row)}\n")


def _read(path: Path, file: BufferedIOBase) -> WordVectors:
    first = file.readline(_LONGEST)
    header = HEADER.fullmatch(first)
    expected, dim = map(int, header.groups()) if header else (None, len(first.split()) - 1)
    if dim < 1 or expected == 0:
        raise DataError(explain(f"reading {path}", expected="a word and its numbers on every line", got="none"))
    if expected is not None:
        check_memory(4 * dim * expected, None, f"reading {path}", "take fewer words")
    found = Collected(str(path), dim)
    number = 1 if header else 0
    lines = file if header else _after(first, file)
    while some := list(islice(lines, _LINES)):
        found.add(*_parsed(path, number, some, dim))
        number += len(some)
    return found.space(expected)


def _after(first: bytes, file: BufferedIOBase) -> Iterator[bytes]:
    yield first
    yield from file


def _parsed(path: Path, number: int, lines: list[bytes], dim: int) -> tuple[list[bytes], torch.Tensor]:
    """Words and numbers of some lines, the first of which comes after `number` others."""
    split = [line.rstrip().rsplit(b" ", dim) for line in lines]
    for i, parts in enumerate(split):
        if len(parts) != dim + 1 or (b" " in parts[0] and _is_number(parts[0].rsplit(b" ", 1)[1])):
            got = f"{len(lines[i].split()) - 1} on line {number + i + 1}"
            raise DataError(explain(f"reading {path}", expected=f"{dim} numbers after every word", got=got))
    text = b" ".join(line.rstrip()[len(parts[0]) + 1 :] for line, parts in zip(lines, split))
    try:
        fields = pc.split_pattern(pa.array([text], pa.string()), " ").values
        numbers = pc.cast(fields, pa.float32()).to_numpy(zero_copy_only=False).reshape(len(lines), dim)
    except (pa.ArrowInvalid, ValueError) as error:
        got = f"{_unquoted(error)} among lines {number + 1} to {number + len(lines)}"
        raise DataError(explain(f"reading {path}", expected="numbers after every word", got=got)) from error
    return [parts[0] for parts in split], torch.tensor(numbers)


def _unquoted(error: Exception) -> str:
    """What the library says that it could not read."""
    said = re.search(r"'(.*?)'", str(error))
    return repr(said[1]) if said else "other signs"


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return b"." in field and field != b"."
