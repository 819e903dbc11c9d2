"""The bits of a block in the order of its type in ggml; `gguf.quants` reads them back."""

import numpy as np
from jaxtyping import UInt8, UInt16, UInt32

from eigenlm.checkpoint.gguf_blocks.blocks import RoundedBlocks
from eigenlm.checkpoint.gguf_blocks.points import POINTS

Bytes = UInt8[np.ndarray, "B size"]
_E2M1 = np.array([*range(15, 8, -1), *range(8)], np.uint8)  # codes of the values in order: those below 0 come last


def packed(kind: str, blocks: RoundedBlocks) -> Bytes:
    """RoundedBlocks of a type as bytes."""
    return PACKED[kind](blocks)


def _two_bits(codes: UInt8[np.ndarray, "B 256"]) -> Bytes:
    """Of each half of a block, numbers 32 apart share a byte."""
    return _quarters(codes.reshape(len(codes), 2, 4, 32)).reshape(-1, 64)


def _quarters(parts: UInt8[np.ndarray, "B halves 4 size"]) -> UInt8[np.ndarray, "B halves size"]:
    return parts[:, :, 0] | parts[:, :, 1] << 2 | parts[:, :, 2] << 4 | parts[:, :, 3] << 6


def _four_bits(codes: UInt8[np.ndarray, "B n"], apart: int) -> Bytes:
    """Numbers that lie `apart` share a byte."""
    halves = codes.reshape(len(codes), -1, 2, apart)
    return (halves[:, :, 0] | halves[:, :, 1] << 4).reshape(len(codes), -1)


def _high_bits(bits: UInt8[np.ndarray, "B 256"]) -> Bytes:
    """One bit a number: byte i has those of the numbers i, i + 32, ..."""
    return np.packbits(bits.reshape(-1, 8, 32), axis=1, bitorder="little")[:, 0]


def _bytes(numbers: np.ndarray) -> Bytes:
    return np.ascontiguousarray(numbers).reshape(len(numbers), -1).view(np.uint8)


def _scales_and_mins_of_six_bits(blocks: RoundedBlocks) -> Bytes:
    """8 scales and 8 mins in 12 bytes: the low 6 bits of four and four, and 4 bits of the others, split."""
    assert blocks.mins is not None
    s, m = blocks.scales.astype(np.uint8), blocks.mins.astype(np.uint8)
    first = s[:, :4] | s[:, 4:] >> 4 << 6
    second = m[:, :4] | m[:, 4:] >> 4 << 6
    return np.concatenate([first, second, s[:, 4:] & 15 | (m[:, 4:] & 15) << 4], axis=1)


def _q2_k(blocks: RoundedBlocks) -> Bytes:
    assert blocks.mins is not None
    assert blocks.low is not None
    scales = (blocks.scales | blocks.mins << 4).astype(np.uint8)
    return np.concatenate([scales, _two_bits(blocks.codes), _bytes(blocks.step), _bytes(blocks.low)], axis=1)


def _q3_k(blocks: RoundedBlocks) -> Bytes:
    stored = (blocks.scales + 32).astype(np.uint8)
    low = stored[:, :8] & 15 | (stored[:, 8:] & 15) << 4
    high = _quarters((stored >> 4).reshape(-1, 1, 4, 4))[:, 0]
    codes = blocks.codes
    parts = [_high_bits(codes >> 2), _two_bits(codes & 3), low, high, _bytes(blocks.step)]
    return np.concatenate(parts, axis=1)


def _q4_k(blocks: RoundedBlocks) -> Bytes:
    assert blocks.low is not None
    head = [_bytes(blocks.step), _bytes(blocks.low), _scales_and_mins_of_six_bits(blocks)]
    return np.concatenate([*head, _four_bits(blocks.codes, 32)], axis=1)


def _q5_k(blocks: RoundedBlocks) -> Bytes:
    assert blocks.low is not None
    head = [_bytes(blocks.step), _bytes(blocks.low), _scales_and_mins_of_six_bits(blocks)]
    return np.concatenate([*head, _high_bits(blocks.codes >> 4), _four_bits(blocks.codes & 15, 32)], axis=1)


def _q6_k(blocks: RoundedBlocks) -> Bytes:
    codes = blocks.codes
    scales = _bytes(blocks.scales.astype(np.int8))
    return np.concatenate([_four_bits(codes & 15, 64), _two_bits(codes >> 4), scales, _bytes(blocks.step)], axis=1)


def _q4_0(blocks: RoundedBlocks) -> Bytes:
    return np.concatenate([_bytes(blocks.step), _four_bits(blocks.codes, 16)], axis=1)


def _q4_1(blocks: RoundedBlocks) -> Bytes:
    assert blocks.low is not None
    return np.concatenate([_bytes(blocks.step), _bytes(-blocks.low), _four_bits(blocks.codes, 16)], axis=1)


def _fifth_bits(codes: UInt8[np.ndarray, "B 32"]) -> Bytes:
    return np.packbits(codes >> 4, axis=1, bitorder="little")


def _q5_0(blocks: RoundedBlocks) -> Bytes:
    parts = [_bytes(blocks.step), _fifth_bits(blocks.codes), _four_bits(blocks.codes & 15, 16)]
    return np.concatenate(parts, axis=1)


def _q5_1(blocks: RoundedBlocks) -> Bytes:
    assert blocks.low is not None
    head = [_bytes(blocks.step), _bytes(-blocks.low), _fifth_bits(blocks.codes)]
    return np.concatenate([*head, _four_bits(blocks.codes & 15, 16)], axis=1)


def _mxfp4(blocks: RoundedBlocks) -> Bytes:
    exponent = np.where(blocks.step > 0, np.frexp(blocks.step)[1] + 127, 0).astype(np.uint8)
    return np.concatenate([_bytes(exponent), _four_bits(_E2M1[blocks.codes], 16)], axis=1)


def _iq4_xs(blocks: RoundedBlocks) -> Bytes:
    stored = (blocks.scales + 32).astype(np.uint16)
    places = 2 * np.arange(8, dtype=np.uint16)
    high = np.bitwise_or.reduce(stored >> 4 << places, axis=1).astype(np.uint16)
    low = (stored[:, ::2] & 15 | (stored[:, 1::2] & 15) << 4).astype(np.uint8)
    return np.concatenate([_bytes(blocks.step), _bytes(high), low, _four_bits(blocks.codes, 16)], axis=1)


def _points_and_signs(blocks: RoundedBlocks, kind: str) -> tuple[UInt16[np.ndarray, "B p"], Bytes]:
    """Of each few numbers the place of their point, and of each eight a byte of signs."""
    tuples = POINTS[kind].tuples
    L, width, codes = len(tuples.magnitudes), tuples.points.shape[1], blocks.codes.astype(np.int64)
    levels = np.where(codes >= L, codes - L, L - 1 - codes).reshape(len(codes), -1, width)
    return tuples.at[levels @ L ** np.arange(width)].astype(np.uint16), np.packbits(
        codes < L, axis=1, bitorder="little"
    )


def _head(blocks: RoundedBlocks, kind: str) -> Bytes:
    return _bytes((blocks.step / np.float32(POINTS[kind].unit)).astype(np.float16))


def _odd_scales(blocks: RoundedBlocks) -> Bytes:
    """Four bits each, of 1, 3, ..., 31."""
    scales = (blocks.scales // 2).astype(np.uint8)
    return scales[:, ::2] | scales[:, 1::2] << 4


def _signs_and_scale(signs: Bytes, blocks: RoundedBlocks) -> UInt32[np.ndarray, "B 8"]:
    """Seven signs of each eight numbers, the eighth being what makes their number even, and four bits of a scale."""
    seven = (signs & 127).reshape(len(signs), 8, 4).astype(np.uint32) << np.array([0, 7, 14, 21], np.uint32)
    return np.bitwise_or.reduce(seven, axis=2) | (blocks.scales // 2).astype(np.uint32) << 28


def _iq3_s(blocks: RoundedBlocks) -> Bytes:
    points, signs = _points_and_signs(blocks, "IQ3_S")
    low, high = points.astype(np.uint8), np.packbits(points >> 8, axis=1, bitorder="little")
    return np.concatenate([_head(blocks, "IQ3_S"), low, high, signs, _odd_scales(blocks)], axis=1)


def _iq3_xxs(blocks: RoundedBlocks) -> Bytes:
    points, signs = _points_and_signs(blocks, "IQ3_XXS")
    tail = _bytes(_signs_and_scale(signs, blocks))
    return np.concatenate([_head(blocks, "IQ3_XXS"), points.astype(np.uint8), tail], axis=1)


def _iq2_s(blocks: RoundedBlocks) -> Bytes:
    points, signs = _points_and_signs(blocks, "IQ2_S")
    high = _quarters((points >> 8).astype(np.uint8).reshape(-1, 8, 4, 1))[..., 0]
    return np.concatenate([_head(blocks, "IQ2_S"), points.astype(np.uint8), signs, high, _odd_scales(blocks)], axis=1)


def _iq2_xs(blocks: RoundedBlocks) -> Bytes:
    points, signs = _points_and_signs(blocks, "IQ2_XS")
    both = points | (signs & 127).astype(np.uint16) << 9
    return np.concatenate([_head(blocks, "IQ2_XS"), _bytes(both), _odd_scales(blocks)], axis=1)


def _iq2_xxs(blocks: RoundedBlocks) -> Bytes:
    points, signs = _points_and_signs(blocks, "IQ2_XXS")
    both = [_bytes(points.astype(np.uint8)).view(np.uint32), _signs_and_scale(signs, blocks)]
    return np.concatenate([_head(blocks, "IQ2_XXS"), _bytes(np.stack(both, axis=2))], axis=1)


PACKED = {
    "Q2_K": _q2_k,
    "Q3_K": _q3_k,
    "Q4_K": _q4_k,
    "Q5_K": _q5_k,
    "Q6_K": _q6_k,
    "Q4_0": _q4_0,
    "Q4_1": _q4_1,
    "Q5_0": _q5_0,
    "Q5_1": _q5_1,
    "IQ4_NL": _q4_0,
    "IQ4_XS": _iq4_xs,
    "MXFP4": _mxfp4,
    "IQ2_XXS": _iq2_xxs,
    "IQ2_XS": _iq2_xs,
    "IQ2_S": _iq2_s,
    "IQ3_S": _iq3_s,
    "IQ3_XXS": _iq3_xxs,
}
