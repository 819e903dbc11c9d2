"""The few bits that a dense matrix was read from, found again where they tell every number exactly."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Float32, Int8
from torch import Tensor

from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.machine.compiled import compiled_in_order

_GROUP = 32  # columns, in all of GGUF's plain types
_FIRST = 8  # rows that are looked at before all


def lossless_codes(W: Float[Tensor, "m n"]) -> CodedMatrix | None:
    """W as 4 or 8 bits a number in groups of 32 columns, if its numbers are on such a grid to the last bit, else None.

    Those of a GGUF file's types Q4_0, Q4_1 and Q8_0 are when they were read in float32. Their steps are float16, and
    one code of each group is the largest there is.
    """
    if W.dtype != torch.float32 or not W.numel() or W.shape[1] % _GROUP or W.device.type != "cpu":
        return None
    for grid in _GRIDS:
        if _coded(W[:_FIRST], grid) is not None and (found := _coded(W, grid)) is not None:
            return found
    return None


_Grid = Callable[[Tensor], tuple[Tensor, Tensor | None]]


def _coded(W: Float32[Tensor, "m n"], grid: _Grid) -> CodedMatrix | None:
    x = W.unflatten(1, (-1, _GROUP)).contiguous()
    steps, lows = grid(x)
    if not steps.isfinite().all():
        return None
    codes = torch.empty(x.shape, dtype=torch.int8)
    least = torch.zeros_like(steps) if lows is None else lows
    if not _tell(x.numpy(), steps.numpy(), least.numpy(), codes.numpy()):
        return None
    return CodedMatrix(codes=codes.flatten(1), steps=steps, lows=lows, held=(W,))


def _from_the_least(x: Float32[Tensor, "m groups 32"]) -> tuple[Tensor, Tensor | None]:
    """Codes from 0 to 15, of the least and of the largest number of a group."""
    lows, highs = torch.empty(2, *x.shape[:-1])
    _ends(x.numpy(), lows.numpy(), highs.numpy())
    return _half((highs - lows) / 15), lows


def _around_eight(x: Float32[Tensor, "m groups 32"]) -> tuple[Tensor, Tensor | None]:
    """Codes from 0 to 15, of which the farthest number of a group has the first."""
    steps = _half(x.gather(-1, x.abs().argmax(dim=-1, keepdim=True))[..., 0] / -8)
    return steps, -8 * steps


def _around_zero(x: Float32[Tensor, "m groups 32"]) -> tuple[Tensor, Tensor | None]:
    """Codes from -127 to 127, of which the farthest number of a group has one end."""
    return _half(x.abs().amax(dim=-1) / 127), None


_GRIDS: tuple[_Grid, ...] = (_from_the_least, _around_eight, _around_zero)


def _half(steps: Tensor) -> Tensor:
    return steps.half().float()


@compiled_in_order
def _ends(
    x: Float32[np.ndarray, "m groups 32"],
    lows: Float32[np.ndarray, "m groups"],
    highs: Float32[np.ndarray, "m groups"],
) -> None:
    """The least and the largest number of each group."""
    for i in range(len(x)):
        for g in range(x.shape[1]):
            low = high = x[i, g, 0]
            for k in range(1, _GROUP):
                low, high = min(low, x[i, g, k]), max(high, x[i, g, k])
            lows[i, g], highs[i, g] = low, high


@compiled_in_order
def _tell(
    x: Float32[np.ndarray, "m groups 32"],
    steps: Float32[np.ndarray, "m groups"],
    lows: Float32[np.ndarray, "m groups"],
    codes: Int8[np.ndarray, "m groups 32"],
) -> bool:
    """Whether steps code + lows is each number to the bit, with the nearest codes, which are filled in."""
    limit, one = np.float32(127), np.float32(1)
    for i in range(len(x)):
        for g in range(x.shape[1]):
            step, low, wrong = steps[i, g], lows[i, g], 0
            inverse = one / step if step != 0 else step
            for k in range(_GROUP):
                code = np.rint((x[i, g, k] - low) * inverse)
                code = min(max(code, -limit), limit)
                wrong += step * code + low != x[i, g, k]
                codes[i, g, k] = np.int8(code)
            if wrong:
                return False
    return True
