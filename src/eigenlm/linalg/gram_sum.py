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
        self._lengths: Tensor | None = None

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

    def halve_(self) -> None:
        """Keep half of the bytes: lengths in float32, and cosines in float16, which errs by 2^-12 of one at most.

        Nothing can be added any more.
        """
        diagonal = torch.cat([panel.diagonal() for panel in self._panels])
        self._lengths = diagonal.sqrt().clamp_min(torch.finfo(torch.float32).tiny)
        for i, panel in zip(range(0, self._size, _PANEL), self._panels):
            panel.div_(self._lengths[i:, None]).div_(self._lengths[i : i + _PANEL])
        self._numbers = self._numbers.half()
        parts = self._numbers.split([panel.numel() for panel in self._panels])
        self._panels = [part.view(panel.shape) for part, panel in zip(parts, self._panels)]

    def is_finite(self) -> bool:
        """Whether no entry is NaN or infinite."""
        return bool(self._numbers.isfinite().all())

    def full(self) -> Float[Tensor, "n n"]:
        """All of the matrix."""
        gram = torch.empty(self._size, self._size, device=self._numbers.device)
        for i, panel in zip(range(0, self._size, _PANEL), self._panels):
            gram[i:, i : i + _PANEL] = panel
            gram[i : i + _PANEL, i + _PANEL :] = panel[_PANEL:].mT
        return gram if self._lengths is None else gram * self._lengths[:, None] * self._lengths
