"""Memory that a compiled loop will read soon, fetched while it still works on what came before."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_LINE = 64  # bytes that come at once
_READ, _NEAR, _DATA = 0, 3, 1  # of llvm.prefetch


def _prefetch(_typing: Any, array: Any, offset: Any, lines: Any) -> Any:
    if not isinstance(lines, types.IntegerLiteral):
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        first = builder.bitcast(context.make_array(signature.args[0])(context, builder, arguments[0]).data, byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        for line in range(lines.literal_value):
            place = builder.gep(first, [builder.add(arguments[1], ir.Constant(arguments[1].type, line * _LINE))])
            builder.call(fetch, [place, *(ir.Constant(number, said) for said in (_READ, _NEAR, _DATA))])
        return context.get_dummy_value()

    return types.none(array, types.intp, lines), code


# In compiled code, prefetch(array, offset, lines) asks for memory from any byte offset behind an array's first on;
# `lines`, of 64 bytes each, is a literal.
prefetch: Any = intrinsic(_prefetch)
