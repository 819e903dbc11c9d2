"""Types whose numbers are step c in each group, c around 0: Q3_K, Q6_K, and in one group a block Q4_0, Q5_0."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int16, UInt8

from eigenlm.checkpoint.gguf_blocks.blocks import BlockGrid, RoundedBlocks, rounded
from eigenlm.checkpoint.gguf_blocks.weights import important
from eigenlm.linalg.grid_search.nearest import TINY, farthest, nearest, weight_of
from eigenlm.linalg.grid_search.symmetric import symmetric, symmetric_by_turns
from eigenlm.machine.compiled import compiled_in_order

_GROUP = 16


@dataclass(frozen=True, kw_only=True)
class SymmetricGroups:
    """A type of 256 numbers in groups of 16.

    Attributes:
        reach: codes lie from -reach to reach - 1.
        scale_reach: scales of groups likewise.
        scale_of_zeros: the scale that groups of a block of zeros have in a file.
        times: the mean square's weight among `weights.important`; 0 for the importance alone.
        by_turns: whether codes are moved one by one where nothing is known of the inputs.
        scales_searched: whether the step of a block is searched for where the inputs' importance is known.
    """

    reach: int
    scale_reach: int
    scale_of_zeros: int
    times: int
    by_turns: bool
    scales_searched: bool

    @property
    def values(self) -> Float32[np.ndarray, " v"]:
        """What codes stand for."""
        return np.arange(-self.reach, self.reach, dtype=np.float32)

    def fit(self, x: Float32[np.ndarray, "rows n"], importance: Float32[np.ndarray, " n"] | None) -> RoundedBlocks:
        """Scales and codes of rows of whole blocks."""
        if importance is None:
            w = x * x
        elif self.times:
            w = important(x, importance, 256, self.times)
        else:
            w = np.broadcast_to(importance, x.shape)
        blocks, weights = x.reshape(-1, 256), np.ascontiguousarray(w).reshape(-1, 256)
        known = importance is not None
        steps, totals, codes = _groups(blocks, weights, _GROUP, self.reach, self.by_turns and not known)
        step, scales = _scales(steps, totals, self.scale_reach, self.scale_of_zeros, self.scales_searched and known)
        with np.errstate(over="ignore"):
            stored = RoundedBlocks(codes=codes, scales=scales, step=step.astype(np.float16))
        codes = rounded(blocks, codes, stored.steps(), np.float32(0), (-self.reach, self.reach - 1))
        may_be = range(-self.scale_reach, self.scale_reach)
        return RoundedBlocks(codes=codes, scales=scales, step=stored.step, may_be=may_be)


@dataclass(frozen=True, kw_only=True)
class Symmetric32:
    """A type of 32 numbers with one step."""

    reach: int

    @property
    def values(self) -> Float32[np.ndarray, " v"]:
        """What codes stand for."""
        return np.arange(-self.reach, self.reach, dtype=np.float32)

    def fit(self, x: Float32[np.ndarray, "rows n"], importance: Float32[np.ndarray, " n"] | None) -> RoundedBlocks:
        """Step and codes of rows of whole blocks; inputs are alike where nothing is known of them."""
        alike = np.ones(x.shape[1], np.float32)
        w = important(x, alike if importance is None else importance, x.shape[1], 1)
        steps, _, codes = _groups(x.reshape(-1, 32), w.reshape(-1, 32), 32, self.reach, False)
        with np.errstate(over="ignore"):
            return RoundedBlocks(
                codes=codes, scales=np.ones_like(steps, dtype=np.int16), step=steps[:, 0].astype(np.float16)
            )


SYMMETRIC: dict[str, BlockGrid] = {
    "Q3_K": SymmetricGroups(reach=4, scale_reach=32, scale_of_zeros=-32, times=2, by_turns=True, scales_searched=True),
    "Q6_K": SymmetricGroups(
        reach=32, scale_reach=128, scale_of_zeros=0, times=0, by_turns=False, scales_searched=False
    ),
    "Q4_0": Symmetric32(reach=8),
    "Q5_0": Symmetric32(reach=16),
}


@compiled_in_order
def _groups(
    x: Float32[np.ndarray, "B n"], w: Float32[np.ndarray, "B n"], group: int, reach: int, by_turns: bool
) -> tuple[Float32[np.ndarray, "B g"], Float32[np.ndarray, "B g"], UInt8[np.ndarray, "B n"]]:
    B, n = x.shape
    steps, totals = np.empty((B, n // group), np.float32), np.empty((B, n // group), np.float32)
    codes = np.empty((B, n), np.uint8)
    for b in range(B):
        for g in range(n // group):
            part = slice(g * group, (g + 1) * group)
            totals[b, g] = weight_of(w[b, part])
            if by_turns:
                steps[b, g] = symmetric_by_turns(x[b, part], w[b, part], reach, codes[b, part])
            else:
                steps[b, g] = symmetric(x[b, part], w[b, part], reach, codes[b, part])
    return steps, totals, codes


@compiled_in_order
def _scales(
    steps: Float32[np.ndarray, "B g"], totals: Float32[np.ndarray, "B g"], reach: int, of_zeros: int, searched: bool
) -> tuple[Float32[np.ndarray, " B"], Int16[np.ndarray, "B g"]]:
    whole, codes = np.zeros(len(steps), np.float32), np.full(steps.shape, of_zeros, np.int16)
    stored = np.empty(steps.shape[1], np.uint8)
    for b in range(len(steps)):
        if searched:
            whole[b] = symmetric(steps[b], totals[b], reach, stored)
            codes[b] = stored.astype(np.int16) - reach
        elif abs(farthest(steps[b])) >= TINY:
            inverse = np.float32(-reach) / farthest(steps[b])
            for g in range(steps.shape[1]):
                codes[b, g] = nearest(inverse * steps[b, g], -reach, reach - 1)
            whole[b] = np.float32(1) / inverse
    return whole, codes
