"""Numbers told by codes of 4 bits, looked up in a table of sixteen that lies in registers, many at once."""

from collections.abc import Iterator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

LANES = 64
"""Words of a row; each holds 8 codes, the first in its lowest bits."""
_CODES = 8
_FLOAT, _WORD, _PLACE = ir.FloatType(), ir.IntType(32), ir.IntType(64)


def _entries() -> int:
    """Of a table that one instruction looks up: 16 with AVX-512, 8 with AVX2, 0 where compiled code may use neither."""
    told: str | None = config.CPU_FEATURES  # type: ignore[attr-defined]
    features = (get_host_cpu_features() if told is None else told).split(",")
    return 16 if "+avx512f" in features else 8 if "+avx2" in features else 0


_ENTRIES = _entries()
LOOKS_UP = _ENTRIES > 0
"""Whether this processor has the instructions; without them the functions here do nothing."""


def _look_up(_typing: Any, words: Any, row: Any, values: Any, tile: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words, values, tile = _data(context, builder, signature, arguments, (0, 2, 3))
        for lane, numbers in _each(builder, words, arguments[1], values):
            for i, number in enumerate(numbers):
                builder.store(number, _at(builder, tile, i * LANES + lane, _FLOAT), align=4)
        return context.get_dummy_value()

    return types.none(words, types.intp, values, tile), code


def _add_looked_up(_typing: Any, words: Any, row: Any, values: Any, x: Any, first: Any, sums: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words, values, x, sums = _data(context, builder, signature, arguments, (0, 2, 3, 5))
        eight = [builder.load(_ahead(builder, x, builder.add(arguments[4], _PLACE(i)))) for i in range(_CODES)]
        factors = [_splat(builder, number) for number in eight]
        for lane, numbers in _each(builder, words, arguments[1], values):
            place = _at(builder, sums, lane, _FLOAT)
            total = builder.load(place, align=4)
            for number, factor in zip(numbers, factors):
                product = builder.fmul(number, factor, flags=("contract",))
                total = builder.fadd(product, total, flags=("contract",))
            builder.store(total, place, align=4)
        return context.get_dummy_value()

    return types.none(words, types.intp, values, x, types.intp, sums), code


def _data(context: Any, builder: Any, signature: Any, arguments: Any, which: tuple[int, ...]) -> list[Any]:
    """Where the numbers of these arguments lie."""
    return [context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in which]


def _each(builder: Any, words: Any, row: Any, values: Any) -> Iterator[tuple[int, Iterator[Any]]]:
    """The lanes of a row, some at a time: the first of them, and what each of their 8 codes tells."""
    if not LOOKS_UP:
        return
    table = [builder.load(_at(builder, values, i, _FLOAT), align=4) for i in range(0, 16, _ENTRIES)]
    start = builder.mul(row, _PLACE(LANES))
    for lane in range(0, LANES, _ENTRIES):
        some = builder.load(_at(builder, words, builder.add(start, _PLACE(lane)), _WORD), align=4)
        yield lane, (_found(builder, table, some, 4 * i) for i in range(_CODES))


def _found(builder: Any, table: list[Any], words: Any, shift: int) -> Any:
    """The entries that 4 bits of each word tell: an instruction heeds those that tell one of its part of the table."""
    kind, bits = table[0].type, words.type
    name = "llvm.x86.avx512.permvar.sf.512" if _ENTRIES == 16 else "llvm.x86.avx2.permps"
    permute = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind, bits]), name)
    places = builder.lshr(words, _all(bits, shift))
    lower, *upper = (builder.call(permute, [part, places]) for part in table)
    if not upper:
        return lower
    fourth = builder.icmp_signed("<", builder.shl(words, _all(bits, 28 - shift)), _all(bits, 0))
    return builder.select(fourth, upper[0], lower)


def _at(builder: Any, data: Any, place: Any, kind: Any) -> Any:
    place = _PLACE(place) if isinstance(place, int) else place
    return builder.bitcast(_ahead(builder, data, place), ir.VectorType(kind, _ENTRIES).as_pointer())


def _ahead(builder: Any, data: Any, place: Any) -> Any:
    return builder.gep(data, [place])


def _all(kind: Any, number: int) -> Any:
    return ir.Constant(kind, [number] * _ENTRIES)


def _splat(builder: Any, number: Any) -> Any:
    kind, places = ir.VectorType(_FLOAT, max(_ENTRIES, 1)), ir.VectorType(_WORD, max(_ENTRIES, 1))
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, _WORD(0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(places, [0] * max(_ENTRIES, 1)))


# In compiled code, look_up(words, row, values, tile) fills tile (8, 64) with the numbers that the codes of a row of
# words (_, 64) tell of 16 values; add_looked_up(words, row, values, x, k, sums) adds their products with x_k to x_k+7
# to 64 sums. Numbers are float32, and arrays lie in one piece.
look_up: Any = intrinsic(_look_up)
add_looked_up: Any = intrinsic(_add_looked_up)
