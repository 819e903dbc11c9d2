"""Words and vectors as a file gives them: what cannot be used is left out and counted, or refused by name."""

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import DataError, counted, explain
from eigenlm.terminal import tell
from eigenlm.vectors.word_vectors import WordVectors


class Collected:
    """Words with vectors of one width, piece by piece.

    Args:
        source: the file, for messages.
        dim: D.
    """

    def __init__(self, source: str, dim: int) -> None:
        self._source, self._dim = source, dim
        self._words: dict[str, None] = {}
        self._vectors: list[Tensor] = []
        self._read = self._not_text = self._again = 0

    def add(self, words: list[bytes], vectors: Float[Tensor, "n D"]) -> None:
        """Take some more.

        Raises:
            DataError: NaN or an infinite number.
        """
        kept = []
        for i, spelled in enumerate(words):
            try:
                word = spelled.decode()
            except UnicodeDecodeError:
                self._not_text += 1
                continue
            if word in self._words:
                self._again += 1
                continue
            self._words[word] = None
            kept.append(i)
        finite = torch.isfinite(vectors).all(1)
        if not finite.all():
            word = words[int(finite.int().argmin())].decode(errors="replace")
            raise DataError(explain(f"reading {self._source}", expected="finite numbers", got=f"others for {word!r}"))
        self._read += len(words)
        self._vectors.append(vectors if len(kept) == len(words) else vectors[kept])

    def space(self, expected: int | None = None) -> WordVectors:
        """All of it, if it is as many words as the file said.

        Raises:
            DataError: it is fewer, or none.
        """
        if not self._words or (expected is not None and self._read < expected):
            said = "a word at least" if expected is None else f"{expected:,} words, as its first line says"
            do = "the file has been cut short" if self._read else ""
            raise DataError(explain(f"reading {self._source}", expected=said, got=f"{self._read:,}", do=do))
        left_out = [
            counted(self._not_text, "word that is not UTF-8", "words that are not UTF-8") if self._not_text else "",
            counted(self._again, "word that was there before", "words that were there before") if self._again else "",
        ]
        if any(left_out):
            tell(f"{self._source}: left out {' and '.join(filter(None, left_out))}")
        return WordVectors(tuple(self._words), torch.cat(self._vectors), self._source)
