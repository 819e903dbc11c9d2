"""Types whose codes of four or eight numbers are a point of a list of ggml's, with signs of their own: IQ2 and IQ3."""

from dataclasses import dataclass

import numpy as np
from gguf import quants
from jaxtyping import Float32, Int16

from eigenlm.checkpoint.gguf_blocks.blocks import RoundedBlocks
from eigenlm.linalg.grid_search.tuples import Tuples, by_tuples
from eigenlm.machine.compiled import compiled_in_order

_REACH = 31  # of scales, which are odd, from 1 on


@dataclass(frozen=True, kw_only=True)
class Points:
    """A type of blocks of 256 numbers.

    Attributes:
        tuples: the points.
        unit: what a number of a scale of 1 and a value of 1 is of the step that is stored.
        group: numbers with one scale.
    """

    tuples: Tuples
    unit: float
    group: int

    @property
    def values(self) -> Float32[np.ndarray, " v"]:
        """What codes stand for."""
        return self.tuples.values

    def fit(self, x: Float32[np.ndarray, "rows n"], importance: Float32[np.ndarray, " n"] | None) -> RoundedBlocks:
        """Scales of rows of whole blocks, and codes of the least magnitudes, to be set."""
        w = np.ones(x.shape[1], np.float32) if importance is None else importance
        of = self.tuples
        blocks, weights = x.reshape(-1, 256), np.broadcast_to(w, x.shape).reshape(-1, 256)
        steps = _steps(blocks, np.ascontiguousarray(weights), self.group, of.magnitudes, of.points, of.near)
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


def _tuples(name: str, *, even: bool) -> Tuples:
    of_gguf = getattr(quants, name)
    of_gguf.init_grid()
    return Tuples.of(np.ascontiguousarray(of_gguf.grid.reshape(of_gguf.grid_shape), np.float32), even=even)


POINTS: dict[str, Points] = {
    "IQ2_XXS": Points(tuples=_tuples("IQ2_XXS", even=True), unit=0.125, group=32),
    "IQ2_XS": Points(tuples=_tuples("IQ2_XS", even=True), unit=0.125, group=16),
    "IQ2_S": Points(tuples=_tuples("IQ2_S", even=False), unit=0.125, group=16),
    "IQ3_XXS": Points(tuples=_tuples("IQ3_XXS", even=True), unit=0.25, group=32),
    "IQ3_S": Points(tuples=_tuples("IQ3_S", even=False), unit=1.0, group=32),
}


@compiled_in_order
def _steps(
    x: Float32[np.ndarray, "B 256"],
    w: Float32[np.ndarray, "B 256"],
    size: int,
    magnitudes: Float32[np.ndarray, " L"],
    points: Float32[np.ndarray, "P k"],
    near: Int16[np.ndarray, " _"],
) -> Float32[np.ndarray, "B g"]:
    steps = np.empty((len(x), x.shape[1] // size), np.float32)
    for b in range(len(x)):
        for group in range(steps.shape[1]):
            part = slice(size * group, size * group + size)
            steps[b, group] = by_tuples(x[b, part], w[b, part], magnitudes, points, near)
    return steps
