"""Products with a matrix of few bits, which is read as it is stored: at one row, reading it is all that takes time."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int8, UInt32
from torch import Tensor

from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.machine.compiled import compiled
from eigenlm.machine.prefetch import prefetch
from eigenlm.machine.threads import array_at, num_threads, on_threads, this_thread

_LANES = 64  # rows of W whose sums grow side by side
_TILE = 8  # columns of W that are unpacked at once
_ABREAST = 2  # rows of x that are multiplied at once by what was unpacked
_AHEAD = 2048  # bytes of codes that are asked for before they are needed, and of steps
_F, _U, _I = np.float32, np.uint32, np.int32


class CodedProduct:
    """x W' for rows x, by a matrix whose codes lie in blocks of 64 rows: 8 codes of 4 bits a word, or bytes.

    Sums are taken in float32, whatever the type of x, and rounded once to that type. With 4 bits they are as near to
    the exact ones as float32 sums for a matrix whose numbers are 16 steps larger.

    Attributes:
        num_rows: m.
        num_columns: n.
        dtype: of the matrix.
        num_bytes: that the blocks take.
    """

    def __init__(self, W: CodedMatrix) -> None:
        """Lay a matrix out that `serves`."""
        self.num_rows, self.num_columns = W.codes.shape
        self.dtype, self._nibbles = W.dtype, _are_nibbles(W)
        blocks, groups = -(-self.num_rows // _LANES), W.steps.shape[1]
        codes = _in_blocks(W.codes)
        self._codes = _words(codes) if self._nibbles else codes
        self._steps = _in_blocks(W.steps)
        lows = torch.zeros_like(W.steps) if W.lows is None and self._nibbles else W.lows
        self._lows = self._steps[:0] if lows is None else _in_blocks(lows)
        self._form = (self._nibbles, blocks, groups, W.group, lows is not None)
        self._told: dict[tuple[int, torch.dtype], Tensor] = {}
        self.num_bytes = sum(tensor.nbytes for tensor in (self._codes, self._steps, self._lows))

    def __call__(self, x: Float[Tensor, "rows n"], bias: Float32[Tensor, " m"]) -> Float[Tensor, "rows m"]:
        """X W' + b for few rows; X in float32 or bfloat16."""
        assert x.dtype in (torch.float32, torch.bfloat16)
        assert x.shape[1] == self.num_columns
        x, y = x.contiguous(), x.new_empty(len(x), self.num_rows)
        loop = _each_row if len(x) <= _ABREAST else _rows_abreast
        loop(*self._places(len(x), x.dtype), x.data_ptr(), bias.data_ptr(), y.data_ptr())
        return y

    def transposed(self, dtype: torch.dtype) -> Float[Tensor, "n m"]:
        """W' in float32 or bfloat16, for products with many rows."""
        wide = torch.empty(self.num_columns, self._form[1] * _LANES, dtype=dtype)
        _unpack(*self._places(0, dtype), wide.data_ptr())
        return wide[:, : self.num_rows]

    def _places(self, rows: int, dtype: torch.dtype) -> list[int]:
        """Where the loops find what they are told, codes, steps and lows."""
        if (rows, dtype) not in self._told:
            self._told[rows, dtype] = torch.tensor([*self._form, rows, self.num_rows, dtype == torch.bfloat16]).long()
        tensors = (self._told[rows, dtype], self._codes, self._steps, self._lows)
        return [tensor.data_ptr() for tensor in tensors]


def serves(W: CodedMatrix) -> bool:
    """Whether the loops take a matrix: on the CPU, in groups of whole tiles."""
    return W.codes.numel() > 0 and W.codes.device.type == "cpu" and W.group % _TILE == 0


def _are_nibbles(W: CodedMatrix) -> bool:
    least, largest = W.codes.aminmax()
    return int(least) >= 0 and int(largest) < 16


def _in_blocks(rows: Tensor) -> Tensor:
    """(m, k) as (blocks, k, lanes), the last block padded with zeros."""
    padded = torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % _LANES))
    return padded.unflatten(0, (-1, _LANES)).transpose(1, 2).contiguous()


def _words(codes: Int8[Tensor, "blocks n lanes"]) -> Tensor:
    """8 codes in the 4-bit parts of a word, the first in the lowest."""
    eight = codes.unflatten(1, (-1, _TILE))
    words = torch.zeros_like(eight[:, :, 0], dtype=torch.int32)
    for place in range(_TILE):
        words |= eight[:, :, place].int() << 4 * place
    return words


@on_threads
def _each_row(data: Any) -> None:
    nibbles, blocks, groups, group, has_lows, rows, m, half = array_at(data[0], 8, np.int64)
    words = array_at(data[1], (blocks, groups, group // _TILE, _LANES), np.uint32)
    codes = array_at(data[1], (blocks, groups, group, _LANES), np.int8)
    steps = array_at(data[2], (blocks, groups, _LANES), np.float32)
    lows = array_at(data[3], (blocks * has_lows, groups, _LANES), np.float32)
    x = _numbers(data[4], rows * groups * group, half).reshape(rows, groups * group)
    bias, y = array_at(data[5], m, np.float32), np.empty((1, _LANES), np.float32)
    sums = _group_sums(x, groups)
    for b in range(this_thread() * blocks // num_threads(), (this_thread() + 1) * blocks // num_threads()):
        first, count = b * _LANES, min(_LANES, m - b * _LANES)
        for i in range(rows):
            y[:] = 0
            y[0, :count] = bias[first : first + count]
            if nibbles:
                _add_nibbles(words[b], steps[b], lows[b], x[i], sums[i], y[0])
            else:
                _add_bytes(codes[b], steps[b], x[i], y[0])
                if has_lows:
                    _add_lows(lows[b], sums[i], y[0])
            _write(y, 0, count, data[6], i * m + first, half)


@on_threads
def _rows_abreast(data: Any) -> None:
    nibbles, blocks, groups, group, has_lows, rows, m, half = array_at(data[0], 8, np.int64)
    words = array_at(data[1], (blocks * groups * (group // _TILE), _LANES), np.uint32)
    codes = array_at(data[1], (blocks * groups * group, _LANES), np.int8)
    steps = array_at(data[2], (blocks, groups, _LANES), np.float32)
    lows = array_at(data[3], (blocks * has_lows, groups, _LANES), np.float32)
    n, bias = groups * group, array_at(data[5], m, np.float32)
    x = np.zeros((rows + -rows % _ABREAST, n), np.float32)
    x[:rows] = _numbers(data[4], rows * n, half).reshape(rows, n)
    sums = _group_sums(x, groups)
    y, parts = np.empty((len(x), _LANES), np.float32), np.empty((len(x), _LANES), np.float32)
    tile = np.empty((_TILE, _LANES), np.float32)
    for b in range(this_thread() * blocks // num_threads(), (this_thread() + 1) * blocks // num_threads()):
        first, count = b * _LANES, min(_LANES, m - b * _LANES)
        y[:] = 0
        y[:, :count] += bias[first : first + count]
        for g in range(groups):
            parts[:] = 0
            for k in range(g * group, (g + 1) * group, _TILE):
                if nibbles:
                    _tile_of_nibbles(words, (b * n + k) // _TILE, tile)
                else:
                    _tile_of_bytes(codes, b * n + k, tile)
                for i in range(0, len(x), _ABREAST):
                    _add_tile(tile, x, i, k, parts)
            for i in range(rows):
                for r in range(_LANES):
                    y[i, r] += steps[b, g, r] * parts[i, r]
        for i in range(rows):
            if has_lows:
                _add_lows(lows[b], sums[i], y[i])
            _write(y, i, count, data[6], i * m + first, half)


@on_threads
def _unpack(data: Any) -> None:
    nibbles, blocks, groups, group, has_lows, _, _, half = array_at(data[0], 8, np.int64)
    words = array_at(data[1], (blocks * groups * (group // _TILE), _LANES), np.uint32)
    codes = array_at(data[1], (blocks * groups * group, _LANES), np.int8)
    steps = array_at(data[2], (blocks, groups, _LANES), np.float32)
    lows = array_at(data[3], (blocks * has_lows, groups, _LANES), np.float32)
    n, tile, low = groups * group, np.empty((_TILE, _LANES), np.float32), np.zeros(_LANES, np.float32)
    for b in range(this_thread() * blocks // num_threads(), (this_thread() + 1) * blocks // num_threads()):
        for g in range(groups):
            if has_lows:
                low[:] = lows[b, g]
            for k in range(g * group, (g + 1) * group, _TILE):
                if nibbles:
                    _tile_of_nibbles(words, (b * n + k) // _TILE, tile)
                else:
                    _tile_of_bytes(codes, b * n + k, tile)
                for i in range(_TILE):
                    for r in range(_LANES):
                        tile[i, r] = tile[i, r] * steps[b, g, r] + low[r]
                    _write(tile, i, _LANES, data[4], ((k + i) * blocks + b) * _LANES, half)


@compiled
def _add_nibbles(
    words: UInt32[np.ndarray, "groups tiles lanes"],
    steps: Float32[np.ndarray, "groups lanes"],
    lows: Float32[np.ndarray, "groups lanes"],
    x: Float32[np.ndarray, " n"],
    sums: Float32[np.ndarray, " groups"],
    y: Float32[np.ndarray, " lanes"],
) -> None:
    """Add sum_g (steps_g sum_i c_i x_i + lows_g sum_i x_i), from numbers 1 + c / 16, whose bits a code is by itself."""
    part = np.empty(_LANES, np.float32)
    for g in range(words.shape[0]):
        part[:] = 0
        for j in range(words.shape[1]):
            k = (g * words.shape[1] + j) * _TILE
            prefetch(words, k * _LANES // 2 + _AHEAD, 4)
            x0, x1, x2, x3, x4, x5, x6, x7 = x[k], x[k + 1], x[k + 2], x[k + 3], x[k + 4], x[k + 5], x[k + 6], x[k + 7]
            for r in range(_LANES):
                w = words[g, j, r]
                part[r] += (
                    _above_one(_U(w << _U(19))) * x0
                    + _above_one(_U(w << _U(15))) * x1
                    + _above_one(_U(w << _U(11))) * x2
                    + _above_one(_U(w << _U(7))) * x3
                    + _above_one(_U(w << _U(3))) * x4
                    + _above_one(_U(w >> _U(1))) * x5
                    + _above_one(_U(w >> _U(5))) * x6
                    + _above_one(_U(w >> _U(9))) * x7
                )
        prefetch(steps, g * _LANES * 4 + _AHEAD, 4)
        prefetch(lows, g * _LANES * 4 + _AHEAD, 4)
        for r in range(_LANES):
            step = _F(16) * steps[g, r]
            y[r] += step * part[r] + (lows[g, r] - step) * sums[g]


@compiled
def _above_one(bits: np.uint32) -> np.float32:
    """1 + c / 16 of the c in bits 19 to 22, the first of a float32's fraction."""
    return _U((bits & _U(0x00780000)) | _U(0x3F800000)).view(np.float32)


@compiled
def _add_bytes(
    codes: Int8[np.ndarray, "groups group lanes"],
    steps: Float32[np.ndarray, "groups lanes"],
    x: Float32[np.ndarray, " n"],
    y: Float32[np.ndarray, " lanes"],
) -> None:
    part = np.empty(_LANES, np.float32)
    for g in range(codes.shape[0]):
        part[:] = 0
        for j in range(0, codes.shape[1], _TILE):
            k, c = g * codes.shape[1] + j, codes[g, j : j + _TILE]
            prefetch(codes, k * _LANES + _AHEAD, 8)
            x0, x1, x2, x3, x4, x5, x6, x7 = x[k], x[k + 1], x[k + 2], x[k + 3], x[k + 4], x[k + 5], x[k + 6], x[k + 7]
            for r in range(_LANES):
                part[r] += (
                    _F(c[0, r]) * x0
                    + _F(c[1, r]) * x1
                    + _F(c[2, r]) * x2
                    + _F(c[3, r]) * x3
                    + _F(c[4, r]) * x4
                    + _F(c[5, r]) * x5
                    + _F(c[6, r]) * x6
                    + _F(c[7, r]) * x7
                )
        prefetch(steps, g * _LANES * 4 + _AHEAD, 4)
        for r in range(_LANES):
            y[r] += steps[g, r] * part[r]


@compiled
def _add_lows(
    lows: Float32[np.ndarray, "groups lanes"], sums: Float32[np.ndarray, " groups"], y: Float32[np.ndarray, " lanes"]
) -> None:
    for g in range(len(lows)):
        prefetch(lows, g * _LANES * 4 + _AHEAD, 4)
        for r in range(_LANES):
            y[r] += lows[g, r] * sums[g]


@compiled
def _tile_of_nibbles(words: UInt32[np.ndarray, "_ lanes"], row: int, tile: Float32[np.ndarray, "8 lanes"]) -> None:
    for r in range(_LANES):
        w = words[row, r]
        tile[0, r] = _F(_I(w & _U(15)))
        tile[1, r] = _F(_I((w >> _U(4)) & _U(15)))
        tile[2, r] = _F(_I((w >> _U(8)) & _U(15)))
        tile[3, r] = _F(_I((w >> _U(12)) & _U(15)))
        tile[4, r] = _F(_I((w >> _U(16)) & _U(15)))
        tile[5, r] = _F(_I((w >> _U(20)) & _U(15)))
        tile[6, r] = _F(_I((w >> _U(24)) & _U(15)))
        tile[7, r] = _F(_I((w >> _U(28)) & _U(15)))


@compiled
def _tile_of_bytes(codes: Int8[np.ndarray, "_ lanes"], row: int, tile: Float32[np.ndarray, "8 lanes"]) -> None:
    for i in range(_TILE):
        for r in range(_LANES):
            tile[i, r] = _F(codes[row + i, r])


@compiled
def _add_tile(
    tile: Float32[np.ndarray, "8 lanes"],
    x: Float32[np.ndarray, "rows n"],
    i: int,
    k: int,
    y: Float32[np.ndarray, "rows lanes"],
) -> None:
    """Add products of two rows of x, from column k on, with the rows of a tile, each of which is read once."""
    a0, a1, a2, a3 = x[i, k], x[i, k + 1], x[i, k + 2], x[i, k + 3]
    a4, a5, a6, a7 = x[i, k + 4], x[i, k + 5], x[i, k + 6], x[i, k + 7]
    b0, b1, b2, b3 = x[i + 1, k], x[i + 1, k + 1], x[i + 1, k + 2], x[i + 1, k + 3]
    b4, b5, b6, b7 = x[i + 1, k + 4], x[i + 1, k + 5], x[i + 1, k + 6], x[i + 1, k + 7]
    for r in range(_LANES):
        w0, w1, w2, w3 = tile[0, r], tile[1, r], tile[2, r], tile[3, r]
        w4, w5, w6, w7 = tile[4, r], tile[5, r], tile[6, r], tile[7, r]
        y[i, r] += w0 * a0 + w1 * a1 + w2 * a2 + w3 * a3 + w4 * a4 + w5 * a5 + w6 * a6 + w7 * a7
        y[i + 1, r] += w0 * b0 + w1 * b1 + w2 * b2 + w3 * b3 + w4 * b4 + w5 * b5 + w6 * b6 + w7 * b7


@compiled
def _group_sums(x: Float32[np.ndarray, "rows n"], groups: int) -> Float32[np.ndarray, "rows groups"]:
    sums, group = np.zeros((len(x), groups), np.float32), x.shape[1] // groups
    for i in range(len(x)):
        for g in range(groups):
            for k in range(g * group, (g + 1) * group):
                sums[i, g] += x[i, k]
    return sums


@compiled
def _numbers(place: Any, count: int, half: int) -> Float32[np.ndarray, " count"]:
    """Numbers at an address, which are bfloat16 where `half`: the upper bits of a float32."""
    if not half:
        return array_at(place, count, np.float32)
    wide, bits = np.empty(count, np.float32), array_at(place, count, np.uint16)
    for i in range(count):
        wide[i] = _U(_U(bits[i]) << _U(16)).view(np.float32)
    return wide


@compiled
def _write(numbers: Float32[np.ndarray, "rows lanes"], row: int, count: int, place: Any, first: int, half: int) -> None:
    """Put a row behind an address, rounded to the nearest bfloat16 where `half`, of two as near the even one."""
    if half:
        bits = array_at(place, first + count, np.uint16)[first:]
        for r in range(count):
            number = _F(numbers[row, r])
            whole = number.view(np.uint32)
            rounded = _U(_U(whole + _U(0x7FFF) + ((whole >> _U(16)) & _U(1))) >> _U(16))
            bits[r] = rounded if number == number else _U(0x7FC0)
    else:
        wide = array_at(place, first + count, np.float32)[first:]
        for r in range(count):
            wide[r] = numbers[row, r]
