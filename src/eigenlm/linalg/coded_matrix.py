"""Matrices of few bits: whole numbers, with a step and a least value for each group of a row."""

import math
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
    """The rows of several as one matrix, in groups that divide those of each; None where their types differ."""
    if len({(part.codes.shape[1], part.dtype) for part in parts}) != 1:
        return None
    group = max(1, math.gcd(*(part.group for part in parts)))
    steps = torch.cat([_finer(part.steps, part.group // group) for part in parts])
    lows = None
    if any(part.lows is not None for part in parts):
        least = [torch.zeros_like(part.steps) if part.lows is None else part.lows for part in parts]
        lows = torch.cat([_finer(lows, part.group // group) for lows, part in zip(least, parts)])
    held = tuple(W for part in parts for W in part.held) if all(part.held for part in parts) else ()
    codes = torch.cat([part.codes for part in parts])
    return CodedMatrix(codes=codes, steps=steps, lows=lows, dtype=parts[0].dtype, held=held)


def _finer(of_groups: Float32[Tensor, "m groups"], times: int) -> Float32[Tensor, "m finer"]:
    """What holds for groups, of so many parts each."""
    return of_groups.repeat_interleave(times, dim=1) if times > 1 else of_groups
