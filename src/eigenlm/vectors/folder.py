"""Word vectors as a folder: `vectors.npy`, which is mapped and not read, `words.json`, and `made.json`.

Rounded vectors are `codes.npy` and `steps.npy` instead: 8 bits a number, or two numbers of 4 bits to a byte.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.files import VOCABULARY, read_json, regular
from eigenlm.linalg.row_rounding import RoundedRows, packed_halves, unpacked_halves
from eigenlm.vectors.word_vectors import WordVectors

VECTORS, WORDS, MADE = "vectors.npy", "words.json", "made.json"
CODES, STEPS = "codes.npy", "steps.npy"


def is_folder_of_vectors(path: Path) -> bool:
    """Whether a folder holds what `write_folder` writes."""
    return any((path / name).exists() for name in (VECTORS, CODES))


def read_folder(path: Path) -> WordVectors:
    """Open a folder of vectors; a vector is read from the disk when it is used, unless it is rounded.

    Raises:
        DataError: one of its files is missing, damaged, or does not fit the other.
    """
    files = (CODES, STEPS) if (path / CODES).exists() else (VECTORS,)
    try:
        words = read_json(regular(path / WORDS, most=VOCABULARY))
        arrays = [np.load(regular(path / name), mmap_mode="c", allow_pickle=False) for name in files]
    except (OSError, ValueError, EOFError) as error:
        expected = f"{' and '.join(files)} and {WORDS}"
        raise DataError(explain(f"reading {path}", expected=expected, got=str(error)[:200])) from error
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DataError(explain(f"reading {path / WORDS}", expected="a list of words", got="something else"))
    vectors = _floats(path, *arrays) if len(arrays) == 1 else _rounded(path, *arrays)
    return WordVectors(tuple(words), vectors, str(path))


def write_folder(space: WordVectors, folder: Path, made: Mapping[str, Any], rounded: RoundedRows | None = None) -> None:
    """Write the files of a folder that is there.

    Args:
        space: the words and vectors.
        folder: an empty one.
        made: how they were made: method, settings, text.
        rounded: the vectors as codes, which are then written instead.
    """
    if rounded is None:
        np.save(folder / VECTORS, space.vectors.float().numpy())
    else:
        np.save(folder / CODES, (packed_halves(rounded.codes) if rounded.bits == 4 else rounded.codes).numpy())
        np.save(folder / STEPS, rounded.steps.float().numpy())
    (folder / WORDS).write_text(json.dumps(list(space.words), ensure_ascii=False), encoding="utf-8")
    (folder / MADE).write_text(json.dumps(dict(made), indent=1, default=str) + "\n", encoding="utf-8")


def _floats(path: Path, array: np.ndarray) -> Tensor:
    if array.ndim != 2 or array.dtype not in (np.float32, np.float16):
        raise _unfit(path / VECTORS, "rows of floating-point numbers", array)
    return torch.from_numpy(array).float()


def _rounded(path: Path, codes: np.ndarray, steps: np.ndarray) -> Tensor:
    if codes.ndim != 2 or codes.dtype not in (np.int8, np.uint8):
        raise _unfit(path / CODES, "rows of whole numbers of 8 bits", codes)
    if steps.dtype != np.float32 or steps.shape != codes.shape[:1]:
        raise _unfit(path / STEPS, f"{len(codes):,} numbers, as there are rows of codes", steps)
    stored, sizes = torch.from_numpy(codes), torch.from_numpy(steps)
    if codes.dtype == np.int8:
        return RoundedRows(stored, sizes, 8).dense()
    return RoundedRows(unpacked_halves(stored), sizes, 4).dense()


def _unfit(path: Path, expected: str, array: np.ndarray) -> DataError:
    got = f"{array.dtype} of sizes {array.shape}"
    return DataError(explain(f"reading {path}", expected=expected, got=got))
