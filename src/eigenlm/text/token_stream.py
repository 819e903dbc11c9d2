"""One long sequence of tokens in files, read stretch by stretch."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from eigenlm.errors import DataError, explain


@dataclass(frozen=True)
class TokenFile:
    """A file of tokens, little-endian, without a header.

    Attributes:
        path: where it is.
        num_tokens: how many are in it.
    """

    path: Path
    num_tokens: int


class TokenStream:
    """The documents of a corpus one after the other, as tokens.

    A file is opened for each read and closed after it. What a process keeps mapped stays in its memory while pages of
    it were touched, so a run over a large corpus would grow to the size of the corpus; and a mapped file that another
    process cuts short kills the reader, where a read can say what is wrong. A read of 257 tokens takes some 20
    microseconds.

    Args:
        files: of tokens, in order.
        dtype: of the numbers in the files, `uint16` or `uint32`.
        document_offsets: where each document begins, then the number of tokens.
        num_bytes: of the documents' text in UTF-8.
    """

    def __init__(
        self, files: Sequence[TokenFile], dtype: str, document_offsets: Int64[np.ndarray, " n"], num_bytes: int
    ) -> None:
        self.files = tuple(files)
        self.document_offsets = document_offsets
        self.num_bytes = num_bytes
        self.num_documents = len(document_offsets) - 1
        self._ends = list(accumulate(file.num_tokens for file in files))
        self.num_tokens = self._ends[-1] if self._ends else 0
        self._dtype = np.dtype(dtype).newbyteorder("<")

    def read(self, start: int, count: int) -> Int64[Tensor, " T"]:
        """The tokens start .. start + count - 1.

        Raises:
            DataError: they are not all in the stream, or a file is missing or too short.
        """
        self._check(start, count)
        tokens = np.empty(count, np.int64)
        done = 0
        while done < count:
            which = bisect_right(self._ends, start + done)
            file = self.files[which]
            inside = start + done - (self._ends[which] - file.num_tokens)
            size = min(count - done, file.num_tokens - inside)
            tokens[done : done + size] = self._read(file.path, inside, size)
            done += size
        return torch.from_numpy(tokens)

    def documents_at(self, start: int, count: int) -> Int64[Tensor, " T"]:
        """Of each token start .. start + count - 1, in which document it is: 0 .. num_documents - 1.

        Raises:
            DataError: the tokens are not all in the stream.
        """
        self._check(start, count)
        places = np.arange(start, start + count)
        return torch.from_numpy(np.searchsorted(self.document_offsets, places, side="right") - 1)

    def _read(self, path: Path, start: int, count: int) -> np.ndarray:
        try:
            tokens = np.fromfile(path, self._dtype, count, offset=start * self._dtype.itemsize)
        except OSError as error:
            raise DataError(explain(f"reading {path}", expected="a token file", got=error.strerror or error)) from error
        if len(tokens) < count:
            got = f"{len(tokens)}: the file is cut short"
            raise DataError(explain(f"reading {path}", expected=f"{count} tokens from token {start}", got=got))
        return tokens

    def _check(self, start: int, count: int) -> None:
        if start < 0 or count < 0 or start + count > self.num_tokens:
            expected, got = f"a stretch of the stream's {self.num_tokens} tokens", f"{start} to {start + count}"
            raise DataError(explain("reading tokens", expected=expected, got=got))
