"""A Gram matrix summed over blocks of rows, kept in little more than half of its memory.

`linalg.gram` adds to the lower triangle of one that is kept whole.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_PANEL = 128  # columns


class GramSum:
    """Sum of x x^T in float32, of which the lower triangle is kept, in panels of columns.

    >>> total = GramSum(2)
    >>> total.add_(torch.tensor([[1.0, 2.0]]))
    >>> total.full().tolist()
    [[1.0, 2.0], [2.0, 4.0]]
    """

    def __init__(self, size: int, device: torch.device | None = None) -> None:
        self._size = size
        shapes = [(size - start, min(_PANEL, size - start)) for start in range(0, size, _PANEL)]
        self._numbers = torch.zeros(GramSum.num_bytes(size) // 4, device=device)
        parts = self._numbers.split([rows * columns for rows, columns in shapes])
        self._panels = [part.view(shape) for part, shape in zip(parts, shapes)]

    @staticmethod
    def num_bytes(size: int) -> int:
        """That a sum of this size takes."""
        return sum(4 * (size - start) * min(_PANEL, size - start) for start in range(0, size, _PANEL))

    def add_(self, rows_CI: Float[Tensor, "C n"]) -> None:
        """Add x x^T of each row.

        Sums are kept in float32: in bfloat16 the noise of large entries would drown the small ones.
        """
        with torch.autocast(rows_CI.device.type, enabled=False):
            rows_CI = rows_CI.float()
            for i, panel in zip(range(0, self._size, _PANEL), self._panels):
                panel.addmm_(rows_CI[:, i:].mT, rows_CI[:, i : i + _PANEL])

    def scale_(self, factor: float | Float[Tensor, ""]) -> None:
        """Multiply by a number."""
        self._numbers *= factor

    def is_finite(self) -> bool:
        """Whether no entry is NaN or infinite."""
        return bool(self._numbers.isfinite().all())

    def full(self) -> Float[Tensor, "n n"]:
        """All of the matrix."""
        gram = self._numbers.new_empty(self._size, self._size)
        for i, panel in zip(range(0, self._size, _PANEL), self._panels):
            gram[i:, i : i + _PANEL] = panel
            gram[i : i + _PANEL, i + _PANEL :] = panel[_PANEL:].mT
        return gram
