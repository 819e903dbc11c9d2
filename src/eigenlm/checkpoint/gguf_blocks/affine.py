"""Types whose numbers are step c - low in each group: Q2_K, Q4_K, Q5_K, and in one group a block Q4_1, Q5_1."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int16, UInt8

from eigenlm.checkpoint.gguf_blocks.blocks import BlockGrid, RoundedBlocks, rounded
from eigenlm.checkpoint.gguf_blocks.weights import important, of_magnitude
from eigenlm.linalg.grid_search.affine import affine
from eigenlm.linalg.grid_search.nearest import nearest, weight_of
from eigenlm.linalg.grid_search.positive import positive
from eigenlm.machine.compiled import compiled_in_order

Tries = tuple[np.float32, np.float32, int]
_FINE = (np.float32(-0.9), np.float32(0.05), 36)  # where the inputs' importance is known


@dataclass(frozen=True, kw_only=True)
class AffineGroups:
    """A type of 256 numbers in groups.

    Attributes:
        group: numbers in one.
        top: the largest code.
        scale_top: the largest scale and min of a group.
        times: the mean square's weight among `weights.important`.
        tries: grids tried where nothing is known of the inputs.
        absolute: whether these are compared by magnitudes.
    """

    group: int
    top: int
    scale_top: int
    times: int
    tries: Tries
    absolute: bool = False

    @property
    def values(self) -> Float32[np.ndarray, " v"]:
        """What codes stand for."""
        return np.arange(self.top + 1, dtype=np.float32)

    def fit(self, x: Float32[np.ndarray, "rows n"], importance: Float32[np.ndarray, " n"] | None) -> RoundedBlocks:
        """Scales, mins and codes of rows of whole blocks."""
        known = importance is not None
        if importance is not None:
            w = important(x, importance, 256, self.times)
        else:
            w = np.abs(x) if self.absolute else of_magnitude(x, self.group)
        blocks, weights = x.reshape(-1, 256), w.reshape(-1, 256)
        tries = _FINE if known else self.tries
        found = _groups(blocks, weights, self.group, self.top, tries, self.absolute and not known)
        steps, lows, totals, codes = found
        round_them = _positive if known else _by_the_largest
        (step, scales), (low, mins) = (round_them(each, totals, self.scale_top) for each in (steps, lows))
        with np.errstate(over="ignore"):
            stored = RoundedBlocks(
                codes=codes, scales=scales, step=step.astype(np.float16), mins=mins, low=low.astype(np.float16)
            )
        codes = rounded(blocks, codes, stored.steps(), stored.lows(), (0, self.top))
        return RoundedBlocks(
            codes=codes, scales=scales, step=stored.step, mins=mins, low=stored.low, may_be=range(self.scale_top + 1)
        )


@dataclass(frozen=True, kw_only=True)
class Affine32:
    """A type of 32 numbers with one step and one least value."""

    top: int

    @property
    def values(self) -> Float32[np.ndarray, " v"]:
        """What codes stand for."""
        return np.arange(self.top + 1, dtype=np.float32)

    def fit(self, x: Float32[np.ndarray, "rows n"], importance: Float32[np.ndarray, " n"] | None) -> RoundedBlocks:
        """Step, least value and codes of rows of whole blocks; inputs are alike where nothing is known of them."""
        alike = np.ones(x.shape[1], np.float32)
        w = important(x, alike if importance is None else importance, x.shape[1], 1)
        blocks, weights = x.reshape(-1, 32), w.reshape(-1, 32)
        steps, lows, _, codes = _groups(blocks, weights, 32, self.top, _FINE, False)
        ones = np.ones_like(steps, dtype=np.int16)
        with np.errstate(over="ignore"):
            step, low = (each[:, 0].astype(np.float16) for each in (steps, lows))
        return RoundedBlocks(codes=codes, scales=ones, step=step, mins=ones, low=low)


AFFINE: dict[str, BlockGrid] = {
    "Q2_K": AffineGroups(
        group=16, top=3, scale_top=15, times=1, tries=(np.float32(-0.5), np.float32(0.1), 15), absolute=True
    ),
    "Q4_K": AffineGroups(group=32, top=15, scale_top=63, times=2, tries=(np.float32(-1), np.float32(0.1), 20)),
    "Q5_K": AffineGroups(group=32, top=31, scale_top=63, times=2, tries=(np.float32(-0.5), np.float32(0.1), 15)),
    "Q4_1": Affine32(top=15),
    "Q5_1": Affine32(top=31),
}

Groups = tuple[
    Float32[np.ndarray, "B g"], Float32[np.ndarray, "B g"], Float32[np.ndarray, "B g"], UInt8[np.ndarray, "B n"]
]


@compiled_in_order
def _groups(
    x: Float32[np.ndarray, "B n"], w: Float32[np.ndarray, "B n"], group: int, top: int, tries: Tries, absolute: bool
) -> Groups:
    B, n = x.shape
    steps, lows, totals = np.empty((3, B, n // group), np.float32)
    codes = np.empty((B, n), np.uint8)
    for b in range(B):
        for g in range(n // group):
            part = slice(g * group, (g + 1) * group)
            totals[b, g] = weight_of(w[b, part])
            steps[b, g], lows[b, g] = affine(x[b, part], w[b, part], top, tries, absolute, codes[b, part])
    return steps, lows, totals, codes


Scaled = tuple[Float32[np.ndarray, " B"], Int16[np.ndarray, "B g"]]


@compiled_in_order
def _positive(steps: Float32[np.ndarray, "B g"], totals: Float32[np.ndarray, "B g"], top: int) -> Scaled:
    whole, codes = np.empty(len(steps), np.float32), np.empty(steps.shape, np.uint8)
    for b in range(len(steps)):
        whole[b] = positive(steps[b], totals[b], top, codes[b])
    return whole, codes.astype(np.int16)


@compiled_in_order
def _by_the_largest(steps: Float32[np.ndarray, "B g"], totals: Float32[np.ndarray, "B g"], top: int) -> Scaled:
    whole, codes = np.empty(len(steps), np.float32), np.empty(steps.shape, np.int16)
    for b in range(len(steps)):
        largest = steps[b].max()
        largest = largest if largest > 0 else np.float32(0)
        inverse = np.float32(top) / largest if largest > 0 else np.float32(0)
        for g in range(steps.shape[1]):
            codes[b, g] = nearest(inverse * steps[b, g], 0, top)
        whole[b] = largest / np.float32(top)
    return whole, codes
