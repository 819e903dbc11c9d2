"""Matrices of few bits: whole numbers, with a step and a least value for each group of a row."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int8
from torch import Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class CodedMatrix:
    """W_ij = steps_ig codes_ij + lows_ig, where g is the group of column j; groups are equal runs of columns.

    Attributes:
        codes: (m, n) whole numbers.
        steps: (m, groups).
        lows: (m, groups); None where all are 0.
        dtype: of the matrix that they tell, which is never wider than float32.
        held: the same numbers as dense matrices, rows one after another, where they are in memory anyway.
    """

    codes: Int8[Tensor, "m n"]
    steps: Float32[Tensor, "m groups"]
    lows: Float32[Tensor, "m groups"] | None = None
    dtype: torch.dtype = torch.float32
    held: tuple[Tensor, ...] = ()

    @property
    def group(self) -> int:
        """Columns of a group."""
        return self.codes.shape[1] // max(self.steps.shape[1], 1)

    def dense(self) -> Tensor:
        """W, (m, n)."""
        m, groups = self.steps.shape
        W = self.codes.view(m, groups, self.group) * self.steps[..., None]
        return (W if self.lows is None else W + self.lows[..., None]).flatten(1).to(self.dtype)


def stacked(parts: Sequence[CodedMatrix]) -> CodedMatrix | None:
    """The rows of several as one matrix; None where their groups or types differ."""
    if len({(part.codes.shape[1], part.group, part.dtype, part.lows is None) for part in parts}) != 1:
        return None
    lows = None if parts[0].lows is None else torch.cat([part.lows for part in parts if part.lows is not None])
    codes, steps = torch.cat([part.codes for part in parts]), torch.cat([part.steps for part in parts])
    held = tuple(W for part in parts for W in part.held) if all(part.held for part in parts) else ()
    return CodedMatrix(codes=codes, steps=steps, lows=lows, dtype=parts[0].dtype, held=held)
