"""Files of two words on every line, and which of the words are held out."""

from collections.abc import Sequence
from pathlib import Path

import torch

from eigenlm.errors import DataError, explain
from eigenlm.files import VOCABULARY, regular


def read_word_pairs(path: Path) -> list[tuple[str, str]]:
    """Pairs of words, or words with labels: two on every line, white space between them, or a tab if they hold spaces.

    Raises:
        DataError: no file, no pairs, or a line with more or fewer words.
    """
    try:
        lines = regular(path, most=VOCABULARY).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(explain(f"reading {path}", expected="a text of pairs", got=str(error)[:200])) from error
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(lines, start=1):
        fields = [field.strip() for field in line.split("\t")] if "\t" in line else line.split()
        if not any(fields):
            continue
        if len(fields) != 2 or not all(fields):
            raise DataError(
                explain(f"{path}, line {number}", expected="two words", got=f"{len(fields)}: {line[:80]!r}")
            )
        pairs.append((fields[0], fields[1]))
    if not pairs:
        raise DataError(explain(f"reading {path}", expected="lines of two words", got="none"))
    return pairs


def held_out(words: Sequence[str], share: float, seed: int) -> set[str]:
    """Some of several different words, drawn by a seed: their share, but one at least, and one is left.

    >>> len(held_out(["a", "b", "c", "d"], 0.5, seed=0))
    2
    """
    different = list(dict.fromkeys(words))
    count = min(max(1, round(share * len(different))), len(different) - 1)
    order = torch.randperm(len(different), generator=torch.Generator().manual_seed(seed)).tolist()
    return {different[i] for i in order[:count]}
