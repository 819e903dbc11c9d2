"""Bytes of a file, read and never mapped: pages of a mapped file count as the process's memory."""

import os
import weakref
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from eigenlm.errors import CheckpointError, explain
from eigenlm.files import regular

# numpy asks for huge pages from here on, which halve the time that reading takes; smaller pieces lie side by side.
_HUGE = 4 << 20
_SHARED = 4 * _HUGE


class ByteFile:
    """A file that stays the same file, whatever later stands under its name.

    Attributes:
        path: of the file.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._shared = np.empty(0, np.uint8)
        self._descriptor = os.open(regular(path), os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    def rows(self, start: int, sizes: tuple[int, int], rows: slice, columns: slice = slice(None)) -> Tensor:
        """Some of the equally long rows of bytes that lie one after another.

        Args:
            start: first byte of the first row.
            sizes: how many rows there are, and the bytes of each.
            rows: which of them.
            columns: which bytes of each, in steps of one.

        Raises:
            CheckpointError: the file was cut since it was opened.
        """
        count, length = sizes
        taken, inside = range(count)[rows], range(length)[columns]
        content = self._empty(len(taken) * len(inside)).reshape(len(taken), len(inside))
        if taken.step == 1 and len(inside) == length:
            self._fill(content.reshape(-1), start + taken.start * length)
        else:
            for row, into in zip(taken, content):
                self._fill(into, start + row * length + inside.start)
        return torch.from_numpy(content)

    def _empty(self, count: int) -> np.ndarray:
        """Memory of its own, or behind the last that was given."""
        if count >= _HUGE:
            return np.empty(count, np.uint8)
        if count > len(self._shared):
            self._shared = np.empty(_SHARED, np.uint8)
        given, self._shared = self._shared[:count], self._shared[-(-count // 64) * 64 :]
        return given

    def _fill(self, content: np.ndarray, start: int) -> None:
        left = content.data
        while left:
            count = os.preadv(self._descriptor, [left], start)
            if count == 0:
                expected = f"{len(left)} bytes at {start}"
                raise CheckpointError(explain(f"reading {self.path}", expected=expected, got="the end of a cut file"))
            start, left = start + count, left[count:]
