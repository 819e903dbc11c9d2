"""MXFP4: numbers of 4 bits with an exponent of their own, E2M1, times a power of two that 32 of them share.

OCP Microscaling Formats v1.0; what codes stand for is doubled and the powers are halved, as in ggml.
"""

from dataclasses import dataclass

import numpy as np
from gguf.quants import MXFP4
from jaxtyping import Float32, UInt8

from eigenlm.checkpoint.gguf_blocks.blocks import BlockGrid, RoundedBlocks

_VALUES = np.array(sorted({*MXFP4.kvalues}), np.float32)
_BETWEEN = (_VALUES[1:] + _VALUES[:-1]) / 2
_LEAST = -120  # power, above which float32 has all its digits
_TRIED = (-1, 0, 1)  # powers above the one at which the largest number is from 8 to 16 steps


@dataclass(frozen=True, kw_only=True)
class PowersOfTwo:
    """A type of 32 numbers whose step is a power of two."""

    @property
    def values(self) -> Float32[np.ndarray, " v"]:
        """What codes stand for."""
        return _VALUES

    def fit(self, x: Float32[np.ndarray, "rows n"], importance: Float32[np.ndarray, " n"] | None) -> RoundedBlocks:
        """The power by which errors count least, and codes; inputs are alike where nothing is known of them."""
        blocks = x.reshape(-1, 32)
        w = np.broadcast_to(np.float32(1) if importance is None else importance, x.shape).reshape(-1, 32)
        least = np.maximum(np.frexp(np.abs(blocks).max(axis=1))[1] - 4, _LEAST)
        steps = [np.ldexp(np.float32(1), least + more) for more in _TRIED]
        errors = [(w * (step[:, None] * _VALUES[_codes(blocks, step)] - blocks) ** 2).sum(axis=1) for step in steps]
        best = np.choose(np.argmin(errors, axis=0), steps)
        step = np.where(blocks.any(axis=1), best, np.float32(0))
        return RoundedBlocks(codes=_codes(blocks, best), scales=np.ones((len(blocks), 1), np.int16), step=step)


MICROSCALED: dict[str, BlockGrid] = {"MXFP4": PowersOfTwo()}


def _codes(x: Float32[np.ndarray, "B 32"], step: Float32[np.ndarray, " B"]) -> UInt8[np.ndarray, "B 32"]:
    return np.searchsorted(_BETWEEN, x / step[:, None], side="right").astype(np.uint8)
