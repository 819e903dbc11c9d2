"""A matrix that need not be in memory as a whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

# A matrix of more numbers than this (128 MiB in float32) is worth reading by blocks.
MANY_NUMBERS = 1 << 25
_NUMBERS_AT_ONCE, _ROWS_AT_ONCE = 1 << 21, 1 << 12

Part = slice | tuple[slice, slice]
"""Rows of a matrix, or some columns of them, in steps of one."""


@dataclass(frozen=True)
class ByBlocks:
    """A matrix W (m, n) that is read a block at a time; `W[rows]` and `W[rows, columns]` are as of a tensor.

    Attributes:
        shape: (m, n).
        read: gives a part.
    """

    shape: tuple[int, int]
    read: Callable[[Part], Tensor]

    def __getitem__(self, part: Part) -> Tensor:
        """Some rows, or some columns of them."""
        return self.read(part)


def row_blocks(W: Tensor | ByBlocks) -> Iterator[Tensor]:
    """W in the order in which it lies, about as many numbers at a time: some rows, or a part of one."""
    m, n = W.shape
    if n <= _NUMBERS_AT_ONCE:
        return (W[rows] for rows in _cuts(m, max(1, min(_NUMBERS_AT_ONCE // n, _ROWS_AT_ONCE))))
    return (W[row, columns] for row in _cuts(m, 1) for columns in _cuts(n, _NUMBERS_AT_ONCE))


def tall_blocks(W: Tensor | ByBlocks, rows: int) -> Iterator[Tensor]:
    """Whichever of W and W^T is tall, `rows` rows at a time."""
    m, n = W.shape
    return (W[cut] if m >= n else W[:, cut].mT for cut in _cuts(max(m, n), rows))


def _cuts(length: int, step: int) -> Iterator[slice]:
    return (slice(start, start + step) for start in range(0, length, step))
