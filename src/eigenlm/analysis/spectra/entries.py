"""The numbers of a tensor as they stand, before any algebra: what a broken file shows."""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from eigenlm.linalg.by_blocks import ByBlocks, row_blocks
from eigenlm.shown import Shown

_FLOAT16 = torch.finfo(torch.float16).max


@dataclass(frozen=True, kw_only=True)
class Entries(Shown):
    """What the numbers of one tensor are like.

    Attributes:
        name: its layer, or the parameter's own name if that is not `weight`.
        is_matrix: whether it has two or more dimensions.
        count: how many numbers.
        num_nan: those that are no numbers.
        num_infinite: those that are infinite.
        smallest: the smallest finite one; None where there is none.
        largest: the largest finite one.
        float16_error: mean of |w - float16(w)| / |w| over the nonzero ones that float16 can hold; None where none can.
        digest: the same for tensors of the same numbers, in the same order and type.
    """

    name: str
    is_matrix: bool
    count: int
    num_nan: int
    num_infinite: int
    smallest: float | None
    largest: float | None
    float16_error: float | None
    digest: str

    @property
    def num_not_finite(self) -> int:
        """NaN and infinite numbers together."""
        return self.num_nan + self.num_infinite

    @property
    def largest_size(self) -> float:
        """The largest |w| of the finite numbers; 0 where there is none."""
        return max(abs(self.smallest or 0.0), abs(self.largest or 0.0))

    @property
    def is_constant(self) -> bool:
        """Whether all of several numbers are the same finite one."""
        return self.count > 1 and self.num_not_finite == 0 and self.smallest == self.largest


def entries(W: Tensor | ByBlocks, name: str, *, is_matrix: bool = True) -> Entries:
    """Look at the numbers of a matrix (m, n), about two million of them at a time."""
    count = num_nan = num_infinite = num_rounded = 0
    low, high, error, digest = torch.inf, -torch.inf, 0.0, hashlib.blake2b(digest_size=16)
    for block in row_blocks(W):
        block = block.detach().cpu().contiguous()
        digest.update(block.view(-1).view(torch.uint8).numpy().tobytes())
        x = block.to(torch.promote_types(block.dtype, torch.float32)).flatten()
        count += x.numel()
        if not bool((finite := x.isfinite()).all()):
            num_nan += int(x.isnan().sum())
            num_infinite += int(x.isinf().sum())
            x = x[finite]
        if x.numel():
            low, high = min(low, x.min().item()), max(high, x.max().item())
        size = x.abs()
        held = (size > 0) & (size <= _FLOAT16)
        error += float(((x.half().to(x.dtype) - x).abs() / size)[held].sum(dtype=torch.float64))
        num_rounded += int(held.sum())
    return Entries(
        name=name,
        is_matrix=is_matrix,
        count=count,
        num_nan=num_nan,
        num_infinite=num_infinite,
        smallest=low if low <= high else None,
        largest=high if low <= high else None,
        float16_error=error / num_rounded if num_rounded else None,
        digest=digest.hexdigest(),
    )
