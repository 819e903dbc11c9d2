"""Types whose codes stand for values of one table, as a normal distribution has them: IQ4_NL, and in groups IQ4_XS."""

from dataclasses import dataclass

import numpy as np
from gguf.quants import IQ4_NL
from jaxtyping import Float32, Int16, UInt8

from eigenlm.checkpoint.gguf_blocks.blocks import BlockGrid, RoundedBlocks
from eigenlm.checkpoint.gguf_blocks.weights import important
from eigenlm.linalg.grid_search.nearest import farthest, nearest
from eigenlm.linalg.grid_search.table import by_table, place_in
from eigenlm.machine.compiled import compiled_in_order

_VALUES = np.array(IQ4_NL.kvalues, np.float32)
_REACH = 32  # of a group's scale


@dataclass(frozen=True, kw_only=True)
class TableOfValues:
    """A type whose blocks have some groups of 32 numbers."""

    groups: int

    @property
    def values(self) -> Float32[np.ndarray, " v"]:
        """What codes stand for."""
        return _VALUES

    def fit(self, x: Float32[np.ndarray, "rows n"], importance: Float32[np.ndarray, " n"] | None) -> RoundedBlocks:
        """Scales and codes of rows of whole blocks."""
        size = 32 * self.groups
        w = x * x if importance is None else important(x, importance, size, 2)
        step, scales, codes = _fitted(x.reshape(-1, size), w.reshape(-1, size), _VALUES)
        with np.errstate(over="ignore"):
            may_be = range(-_REACH, _REACH if self.groups > 1 else -_REACH)
            return RoundedBlocks(codes=codes, scales=scales, step=step.astype(np.float16), may_be=may_be)


TABLE: dict[str, BlockGrid] = {"IQ4_NL": TableOfValues(groups=1), "IQ4_XS": TableOfValues(groups=8)}


@compiled_in_order
def _fitted(
    x: Float32[np.ndarray, "B n"], w: Float32[np.ndarray, "B n"], values: Float32[np.ndarray, " v"]
) -> tuple[Float32[np.ndarray, " B"], Int16[np.ndarray, "B g"], UInt8[np.ndarray, "B n"]]:
    B, g = len(x), x.shape[1] // 32
    whole, scales, codes = np.empty(B, np.float32), np.ones((B, g), np.int16), np.empty(x.shape, np.uint8)
    steps = np.empty(g, np.float32)
    for b in range(B):
        for group in range(g):
            part = slice(32 * group, 32 * group + 32)
            steps[group] = by_table(x[b, part], w[b, part], values)
        whole[b] = steps[0] if g == 1 else -farthest(steps) / np.float32(_REACH)
        inverse = np.float32(1) / whole[b] if whole[b] else np.float32(0)
        for group in range(g):
            if g > 1:
                scales[b, group] = nearest(inverse * steps[group], -_REACH, _REACH - 1)
            step = whole[b] * np.float32(scales[b, group])
            one = np.float32(1) / step if step else np.float32(0)
            for i in range(32 * group, 32 * group + 32):
                codes[b, i] = place_in(values, one * x[b, i])
    return whole, scales, codes
