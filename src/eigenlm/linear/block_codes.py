"""The whole numbers, steps and least values that blocks of ggml's types are made of.

They are read by `gguf` itself, from the same blocks with some of their bytes replaced: with steps of 1 and least values
of 0 a block spells its codes, with codes of 1 its steps, and with codes of 0 its least values.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from jaxtyping import UInt8
from torch import Tensor

from eigenlm.linalg.coded_matrix import CodedMatrix


@dataclass(frozen=True, kw_only=True)
class _Bytes:
    """Some bytes of a block, and what takes their place where codes, steps or least values are asked for.

    Of bytes that hold parts of both, the bits `of_codes` stay where codes are asked for, and the others for steps.
    """

    size: int
    of_codes: bytes = b""
    for_codes: bytes | None = None
    for_steps: bytes | None = None
    for_lows: bytes | None = None


def _codes(size: int, one: int) -> _Bytes:
    return _Bytes(size=size, for_steps=bytes([one]) * size, for_lows=bytes(size))


def _and_scales(*of_codes: int) -> _Bytes:
    """Eight times bytes of codes, the last of which holds a scale as well."""
    size = 8 * len(of_codes)
    return _Bytes(size=size, of_codes=bytes(of_codes) * 8, for_codes=bytes(size), for_steps=bytes(size))


_STEP = _Bytes(size=2, for_codes=np.float16(1).tobytes())
_POWER = _Bytes(size=1, for_codes=bytes([128]))  # 2^(128 - 128), as ggml halves them
_LOW = _Bytes(size=2, for_codes=bytes(2), for_steps=bytes(2))
_SCALES_AND_MINS = _Bytes(size=12, for_codes=bytes([1] * 4 + [0] * 4 + [1] * 4))
_SCALES = _Bytes(size=16, for_codes=bytes([1] * 16))
_SIX_BITS = _Bytes(size=12, for_codes=bytes([0x11] * 8 + [0xAA] * 4))  # 33 each, of which 32 are taken away
_ODD_SCALES = _Bytes(size=8, for_codes=bytes(8))
_STEP_OF_FOUR, _STEP_OF_EIGHT = (_Bytes(size=2, for_codes=np.float16(step).tobytes()) for step in (4, 8))
_XS = (_Bytes(size=2, for_codes=bytes([0xAA] * 2)), _Bytes(size=4, for_codes=bytes([0x11] * 4)))

# Columns of a group, what is added to codes so that none is negative, and the bytes of a block.
_FORMS: dict[str, tuple[int, int, tuple[_Bytes, ...]]] = {
    "Q4_0": (32, 8, (_STEP, _codes(16, 0x99))),
    "Q4_1": (32, 0, (_STEP, _LOW, _codes(16, 0x11))),
    "Q5_0": (32, 0, (_STEP, _codes(4, 0xFF), _codes(16, 0x11))),
    "Q5_1": (32, 0, (_STEP, _LOW, _codes(4, 0), _codes(16, 0x11))),
    "Q8_0": (32, 0, (_STEP, _codes(32, 1))),
    "IQ4_NL": (32, 0, (_STEP, _codes(16, 0x88))),
    "MXFP4": (32, 0, (_POWER, _codes(16, 0x11))),
    "IQ4_XS": (32, 0, (_STEP, *_XS, _codes(128, 0x88))),
    "IQ2_XXS": (32, 0, (_STEP_OF_EIGHT, _and_scales(255, 255, 255, 255, 255, 255, 255, 15))),
    "IQ2_XS": (16, 0, (_STEP_OF_EIGHT, _codes(64, 0), _ODD_SCALES)),
    "IQ2_S": (16, 0, (_STEP_OF_EIGHT, _codes(32, 0), _codes(32, 0), _codes(8, 0), _ODD_SCALES)),
    "IQ3_XXS": (32, 0, (_STEP_OF_FOUR, _codes(64, 0), _and_scales(255, 255, 255, 15))),
    "IQ3_S": (32, 0, (_STEP, _codes(64, 0), _codes(8, 0), _codes(32, 0), _Bytes(size=4, for_codes=bytes(4)))),
    "Q2_K": (16, 0, (_SCALES, _codes(64, 0x55), _STEP, _LOW)),
    "Q3_K": (16, 4, (_codes(32, 0xFF), _codes(64, 0x55), _SIX_BITS, _STEP)),
    "Q4_K": (32, 0, (_STEP, _LOW, _SCALES_AND_MINS, _codes(128, 0x11))),
    "Q5_K": (32, 0, (_STEP, _LOW, _SCALES_AND_MINS, _codes(32, 0), _codes(128, 0x11))),
    "Q6_K": (16, 0, (_codes(128, 0x11), _codes(64, 0xAA), _SCALES, _STEP)),
}
_LEAST = {"IQ2_XXS": 8, "IQ2_XS": 8, "IQ2_S": 8, "IQ3_XXS": 4}  # what a code is that steps are read by, if not 1


def block_codes(
    blocks: UInt8[Tensor, "out bytes"], columns: int, block_type: int, dtype: torch.dtype
) -> CodedMatrix | None:
    """The matrix that blocks hold as codes; None of another type, of cut groups, or of steps that are no numbers.

    Args:
        blocks: rows of whole blocks.
        columns: numbers of a row that count.
        block_type: the number of the type in ggml.
        dtype: of the matrix.
    """
    kind = GGMLQuantizationType(block_type)
    group, shift, form = _FORMS.get(kind.name, (0, 0, ()))
    if not group or columns % group or not blocks.numel():
        return None
    stored = blocks.cpu().numpy().reshape(-1, GGML_QUANT_SIZES[kind][1])

    def read(what: Literal["codes", "steps", "lows"], every: int) -> Tensor:
        numbers = dequantize(_with_the_rest_replaced(stored, form, what), kind).reshape(len(blocks), -1)
        return torch.from_numpy(np.ascontiguousarray(numbers[:, :columns:every]))

    with np.errstate(all="ignore"):
        steps = read("steps", group) / _LEAST.get(kind.name, 1)
        codes = read("codes", 1).to(torch.int8) + shift
        lows = read("lows", group) if _LOW in form else -shift * steps if shift else None
    if not (steps.isfinite().all() and (lows is None or lows.isfinite().all())):
        return None
    return CodedMatrix(codes=codes, steps=steps, lows=lows, dtype=dtype)


def _with_the_rest_replaced(
    blocks: UInt8[np.ndarray, "B bytes"], form: tuple[_Bytes, ...], what: Literal["codes", "steps", "lows"]
) -> UInt8[np.ndarray, "B bytes"]:
    changed, start = blocks.copy(), 0
    for part in form:
        place = slice(start, start + part.size)
        new = {"codes": part.for_codes, "steps": part.for_steps, "lows": part.for_lows}[what]
        if new is not None:
            changed[:, place] = np.frombuffer(new, np.uint8)
        if part.of_codes:
            bits = np.frombuffer(part.of_codes, np.uint8)
            changed[:, place] |= blocks[:, place] & (bits if what == "codes" else ~bits)
        start += part.size
    return changed
