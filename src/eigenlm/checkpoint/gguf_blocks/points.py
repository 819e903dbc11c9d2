"""Types whose codes of four numbers are a point of a list of ggml's, with signs of their own: IQ3_S and IQ3_XXS."""

from dataclasses import dataclass

import numpy as np
from gguf.quants import IQ3_S, IQ3_XXS
from jaxtyping import Float32, Int16

from eigenlm.checkpoint.gguf_blocks.blocks import RoundedBlocks
from eigenlm.linalg.grid_search.tuples import Tuples, by_tuples
from eigenlm.machine.compiled import compiled_in_order

_GROUP, _REACH = 32, 31  # numbers with one scale; scales are odd, from 1 on


@dataclass(frozen=True, kw_only=True)
class Points:
    """A type of blocks of 256 numbers.

    Attributes:
        tuples: the points.
        unit: what a number of a scale of 1 and a value of 1 is of the step that is stored.
    """

    tuples: Tuples
    unit: float

    @property
    def values(self) -> Float32[np.ndarray, " v"]:
        """What codes stand for."""
        return self.tuples.values

    def fit(self, x: Float32[np.ndarray, "rows n"], importance: Float32[np.ndarray, " n"] | None) -> RoundedBlocks:
        """Scales of rows of whole blocks, and codes of the least magnitudes, to be set."""
        w = np.ones(x.shape[1], np.float32) if importance is None else importance
        of = self.tuples
        blocks, weights = x.reshape(-1, 256), np.broadcast_to(w, x.shape).reshape(-1, 256)
        steps = _steps(blocks, np.ascontiguousarray(weights), of.magnitudes, of.points, of.near)
        with np.errstate(over="ignore"):
            step = (steps.max(axis=1) / np.float32(_REACH * self.unit)).astype(np.float16)
        unit = step.astype(np.float32) * np.float32(self.unit)
        codes = np.full(blocks.shape, len(of.magnitudes), np.uint8)
        return RoundedBlocks(codes=codes, scales=_odd(steps, unit), step=unit, may_be=range(1, _REACH + 1, 2))


def _odd(steps: Float32[np.ndarray, "B g"], unit: Float32[np.ndarray, " B"]) -> Int16[np.ndarray, "B g"]:
    """The nearest of 1, 3, ..., 31 units."""
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.nan_to_num(steps / unit[:, None])
    return (2 * np.clip(np.rint((times - 1) / 2), 0, (_REACH - 1) // 2) + 1).astype(np.int16)


def _tuples(grid: type[IQ3_S] | type[IQ3_XXS], *, even: bool) -> Tuples:
    grid.init_grid()
    assert grid.grid is not None
    return Tuples.of(np.ascontiguousarray(grid.grid.reshape(-1, 4), np.float32), even=even)


POINTS: dict[str, Points] = {
    "IQ3_XXS": Points(tuples=_tuples(IQ3_XXS, even=True), unit=0.25),
    "IQ3_S": Points(tuples=_tuples(IQ3_S, even=False), unit=1.0),
}


@compiled_in_order
def _steps(
    x: Float32[np.ndarray, "B 256"],
    w: Float32[np.ndarray, "B 256"],
    magnitudes: Float32[np.ndarray, " L"],
    points: Float32[np.ndarray, "P 4"],
    near: Int16[np.ndarray, " L4"],
) -> Float32[np.ndarray, "B g"]:
    steps = np.empty((len(x), x.shape[1] // 32), np.float32)
    for b in range(len(x)):
        for group in range(steps.shape[1]):
            part = slice(32 * group, 32 * group + 32)
            steps[b, group] = by_tuples(x[b, part], w[b, part], magnitudes, points, near)
    return steps
