"""Word vectors as a folder: `vectors.npy`, which is mapped and not read, `words.json`, and `made.json`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eigenlm.errors import DataError, explain
from eigenlm.files import VOCABULARY, read_json, regular
from eigenlm.vectors.word_vectors import WordVectors

VECTORS, WORDS, MADE = "vectors.npy", "words.json", "made.json"


def read_folder(path: Path) -> WordVectors:
    """Open a folder of vectors; a vector is read from the disk when it is used.

    Raises:
        DataError: one of its files is missing, damaged, or does not fit the other.
    """
    try:
        words = read_json(regular(path / WORDS, most=VOCABULARY))
        array = np.load(regular(path / VECTORS), mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        expected = f"{VECTORS} and {WORDS}"
        raise DataError(explain(f"reading {path}", expected=expected, got=str(error)[:200])) from error
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DataError(explain(f"reading {path / WORDS}", expected="a list of words", got="something else"))
    if array.ndim != 2 or array.dtype not in (np.float32, np.float16):
        got = f"{array.dtype} of {array.ndim} dimensions"
        raise DataError(explain(f"reading {path / VECTORS}", expected="rows of floating-point numbers", got=got))
    return WordVectors(tuple(words), torch.from_numpy(array).float(), str(path))


def write_folder(space: WordVectors, folder: Path, made: Mapping[str, Any]) -> None:
    """Write the files of a folder that is there.

    Args:
        space: the words and vectors.
        folder: an empty one.
        made: how they were made: method, settings, text.
    """
    np.save(folder / VECTORS, space.vectors.float().numpy())
    (folder / WORDS).write_text(json.dumps(list(space.words), ensure_ascii=False), encoding="utf-8")
    (folder / MADE).write_text(json.dumps(dict(made), indent=1, default=str) + "\n", encoding="utf-8")
