"""Products with a matrix of few bits, which is read as it is stored: at one row, reading it is all that takes time."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int8, Int64, UInt32
from torch import Tensor

from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.machine.compiled import compiled
from eigenlm.machine.halves import numbers_at, write_at
from eigenlm.machine.prefetch import prefetch
from eigenlm.machine.table_lookup import LANES as _LANES
from eigenlm.machine.table_lookup import LOOKS_UP, add_looked_up, look_up
from eigenlm.machine.threads import array_at, num_threads, on_threads, this_thread

_TILE = 8  # columns of W that are unpacked at once
_ABREAST = 2  # rows of x that are multiplied at once by what was unpacked
_VALUES = 16  # that 4 bits tell apart
_BYTES, _COUNTED, _LOOKED_UP = 0, 1, 2  # codes as they are, of 4 bits from 0 to 15, of 4 bits in a table
_AHEAD = 2048  # bytes of codes that are asked for before they are needed, and of steps
_F, _U, _I = np.float32, np.uint32, np.int32


class CodedProduct:
    """x W' for rows x, by a matrix whose codes lie in blocks of 64 rows: 8 of 4 bits a word, or bytes.

    4 bits tell one of sixteen values, which each block has its own of. Where the processor looks nothing up they are
    numbers from 0 to 15, and others are bytes. Sums are taken in float32, whatever the type of x, and rounded once to
    that type; with numbers from 0 to 15 that are not looked up they are as near to the exact ones as float32 sums for a
    matrix whose numbers are 16 steps larger.

    Attributes:
        num_rows: m.
        num_columns: n.
        dtype: of the matrix.
        num_bytes: that the blocks take.
    """

    def __init__(self, W: CodedMatrix) -> None:
        """Lay a matrix out that `serves`."""
        self.num_rows, self.num_columns = W.codes.shape
        codes, groups = _in_blocks(W.codes), W.steps.shape[1]
        values, blocks = _values(codes), len(codes)
        form = _BYTES if values is None else _LOOKED_UP if LOOKS_UP else _COUNTED
        self._codes = codes if values is None else _words(codes, values)
        self._values = torch.zeros(blocks, _VALUES) if values is None else values.float()
        self.dtype, self._steps = W.dtype, _in_blocks(W.steps)
        lows = torch.zeros_like(W.steps) if W.lows is None and form == _COUNTED else W.lows
        self._lows = self._steps[:0] if lows is None else _in_blocks(lows)
        self._form = (form, blocks, groups, W.group, lows is not None)
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
        tensors = (self._told[rows, dtype], self._codes, self._steps, self._lows, self._values)
        return [tensor.data_ptr() for tensor in tensors]


def serves(W: CodedMatrix) -> bool:
    """Whether the loops take a matrix: on the CPU, in groups of whole tiles."""
    return W.codes.numel() > 0 and W.codes.device.type == "cpu" and W.group % _TILE == 0


def _values(codes: Int8[Tensor, "blocks n lanes"]) -> Int8[Tensor, "blocks 16"] | None:
    """What codes of 4 bits may stand for in each block: 0 to 15 or, where they are looked up, the numbers there are."""
    values = torch.zeros(len(codes), _VALUES, dtype=torch.int8)
    counts = torch.zeros(len(codes), dtype=torch.int64)
    _list_values(codes.numpy(), values.numpy(), counts.numpy())
    if int(values.min()) >= 0 and int(values.max()) < _VALUES and int(counts.max()) <= _VALUES:
        return torch.arange(_VALUES, dtype=torch.int8).repeat(len(codes), 1)
    return values if LOOKS_UP and int(counts.max()) <= _VALUES else None


def _in_blocks(rows: Tensor) -> Tensor:
    """(m, k) as (blocks, k, lanes), the last block padded with zeros."""
    padded = torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % _LANES))
    return padded.unflatten(0, (-1, _LANES)).transpose(1, 2).contiguous()


def _words(codes: Int8[Tensor, "blocks n lanes"], values: Int8[Tensor, "blocks 16"]) -> Tensor:
    """The places of 8 codes among the values in the 4-bit parts of a word, the first in the lowest."""
    words = torch.empty(len(codes), codes.shape[1] // _TILE, _LANES, dtype=torch.int32)
    _join(codes.numpy(), values.numpy(), words.numpy().view(np.uint32))
    return words


@compiled
def _list_values(
    codes: Int8[np.ndarray, "blocks n lanes"],
    values: Int8[np.ndarray, "blocks 16"],
    counts: Int64[np.ndarray, " blocks"],
) -> None:
    """The first 16 numbers of each block, from the least, and how many there are."""
    for b in range(len(codes)):
        there = np.zeros(256, np.bool_)
        for code in codes[b].flat:
            there[code + 128] = True
        for place in range(256):
            if there[place]:
                if counts[b] < _VALUES:
                    values[b, counts[b]] = place - 128
                counts[b] += 1


@compiled
def _join(
    codes: Int8[np.ndarray, "blocks n lanes"],
    values: Int8[np.ndarray, "blocks 16"],
    words: UInt32[np.ndarray, "blocks tiles lanes"],
) -> None:
    for b in range(words.shape[0]):
        places = np.zeros(256, np.uint32)
        for place in range(_VALUES - 1, -1, -1):
            places[values[b, place] + 128] = place
        for j in range(words.shape[1]):
            for r in range(_LANES):
                word = _U(0)
                for i in range(_TILE):
                    word |= _U(places[codes[b, _TILE * j + i, r] + 128] << _U(4 * i))
                words[b, j, r] = word


@on_threads
def _each_row(data: Any) -> None:
    form, blocks, groups, group, has_lows, rows, m, half = array_at(data[0], 8, np.int64)
    words = array_at(data[1], (blocks, groups, group // _TILE, _LANES), np.uint32)
    codes = array_at(data[1], (blocks, groups, group, _LANES), np.int8)
    steps = array_at(data[2], (blocks, groups, _LANES), np.float32)
    lows = array_at(data[3], (blocks * has_lows, groups, _LANES), np.float32)
    values = array_at(data[4], (blocks, _VALUES), np.float32)
    x = numbers_at(data[5], rows * groups * group, half).reshape(rows, groups * group)
    bias, y = array_at(data[6], m, np.float32), np.empty((1, _LANES), np.float32)
    sums = _group_sums(x, groups)
    for b in range(this_thread() * blocks // num_threads(), (this_thread() + 1) * blocks // num_threads()):
        first, count = b * _LANES, min(_LANES, m - b * _LANES)
        for i in range(rows):
            y[:] = 0
            y[0, :count] = bias[first : first + count]
            if form == _COUNTED:
                _add_counted(words[b], steps[b], lows[b], x[i], sums[i], y[0])
            else:
                if form == _LOOKED_UP:
                    _add_of_table(words[b], values[b], steps[b], x[i], y[0])
                else:
                    _add_bytes(codes[b], steps[b], x[i], y[0])
                if has_lows:
                    _add_lows(lows[b], sums[i], y[0])
            write_at(y, 0, count, data[7], i * m + first, half)


@on_threads
def _rows_abreast(data: Any) -> None:
    form, blocks, groups, group, has_lows, rows, m, half = array_at(data[0], 8, np.int64)
    words = array_at(data[1], (blocks * groups * (group // _TILE), _LANES), np.uint32)
    codes = array_at(data[1], (blocks * groups * group, _LANES), np.int8)
    steps = array_at(data[2], (blocks, groups, _LANES), np.float32)
    lows = array_at(data[3], (blocks * has_lows, groups, _LANES), np.float32)
    values = array_at(data[4], (blocks, _VALUES), np.float32)
    n, bias = groups * group, array_at(data[6], m, np.float32)
    x = np.zeros((rows + -rows % _ABREAST, n), np.float32)
    x[:rows] = numbers_at(data[5], rows * n, half).reshape(rows, n)
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
                _unpack_tile(form, words, codes, values[b], b * n + k, tile)
                for i in range(0, len(x), _ABREAST):
                    _add_tile(tile, x, i, k, parts)
            for i in range(rows):
                for r in range(_LANES):
                    y[i, r] += steps[b, g, r] * parts[i, r]
        for i in range(rows):
            if has_lows:
                _add_lows(lows[b], sums[i], y[i])
            write_at(y, i, count, data[7], i * m + first, half)


@on_threads
def _unpack(data: Any) -> None:
    form, blocks, groups, group, has_lows, _, _, half = array_at(data[0], 8, np.int64)
    words = array_at(data[1], (blocks * groups * (group // _TILE), _LANES), np.uint32)
    codes = array_at(data[1], (blocks * groups * group, _LANES), np.int8)
    steps = array_at(data[2], (blocks, groups, _LANES), np.float32)
    lows = array_at(data[3], (blocks * has_lows, groups, _LANES), np.float32)
    values = array_at(data[4], (blocks, _VALUES), np.float32)
    n, tile, low = groups * group, np.empty((_TILE, _LANES), np.float32), np.zeros(_LANES, np.float32)
    for b in range(this_thread() * blocks // num_threads(), (this_thread() + 1) * blocks // num_threads()):
        for g in range(groups):
            if has_lows:
                low[:] = lows[b, g]
            for k in range(g * group, (g + 1) * group, _TILE):
                _unpack_tile(form, words, codes, values[b], b * n + k, tile)
                for i in range(_TILE):
                    for r in range(_LANES):
                        tile[i, r] = tile[i, r] * steps[b, g, r] + low[r]
                    write_at(tile, i, _LANES, data[5], ((k + i) * blocks + b) * _LANES, half)


@compiled
def _add_counted(
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
def _add_of_table(
    words: UInt32[np.ndarray, "groups tiles lanes"],
    values: Float32[np.ndarray, "16"],
    steps: Float32[np.ndarray, "groups lanes"],
    x: Float32[np.ndarray, " n"],
    y: Float32[np.ndarray, " lanes"],
) -> None:
    part = np.empty(_LANES, np.float32)
    for g in range(words.shape[0]):
        part[:] = 0
        for j in range(words.shape[1]):
            row = g * words.shape[1] + j
            prefetch(words, row * _LANES * 4 + _AHEAD, 4)
            add_looked_up(words, row, values, x, row * _TILE, part)
        prefetch(steps, g * _LANES * 4 + _AHEAD, 4)
        for r in range(_LANES):
            y[r] += steps[g, r] * part[r]


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
def _unpack_tile(
    form: int,
    words: UInt32[np.ndarray, "_ lanes"],
    codes: Int8[np.ndarray, "_ lanes"],
    values: Float32[np.ndarray, "16"],
    row: int,
    tile: Float32[np.ndarray, "8 lanes"],
) -> None:
    if form == _LOOKED_UP:
        look_up(words, row // _TILE, values, tile)
    elif form == _COUNTED:
        _tile_of_counted(words, row // _TILE, tile)
    else:
        _tile_of_bytes(codes, row, tile)


@compiled
def _tile_of_counted(words: UInt32[np.ndarray, "_ lanes"], row: int, tile: Float32[np.ndarray, "8 lanes"]) -> None:
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
