"""A matrix that need not be in memory as a whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

# A tall matrix of more numbers than this (128 MiB in float32) is worth reading by rows.
MANY_NUMBERS = 1 << 25


@dataclass(frozen=True)
class ByRows:
    """A tall matrix W (m, n), m >= n, that is read some rows at a time; `W[start:stop:step]` are rows, as of a tensor.

    Attributes:
        shape: (m, n).
        read: gives the rows of a slice.
    """

    shape: tuple[int, int]
    read: Callable[[slice], Tensor]

    def __getitem__(self, rows: slice) -> Tensor:
        """Some rows."""
        return self.read(rows)


def row_blocks(W: Tensor | ByRows, rows: int) -> Iterator[Tensor]:
    """W, `rows` rows at a time."""
    return (W[start : start + rows] for start in range(0, W.shape[0], rows))
