"""Compiled loops on the threads that torch's own products run on, so that no second set of threads waits for a core."""

import ctypes
import inspect
import struct
from collections.abc import Callable
from functools import cache, cached_property, partial
from typing import Any

import llvmlite.binding
import numba
import torch
from numba import types

from eigenlm.machine.compiled import SUMS_IN_LANES

# Which of how many threads a compiled loop runs on: OpenMP tells, and where there is none, it is the only one.
this_thread: Any = types.ExternalFunction("eigenlm_this_thread", types.int32())
num_threads: Any = types.ExternalFunction("eigenlm_num_threads", types.int32())
# An array of an address, a shape and a type of NumPy's.
array_at: Any = numba.carray  # type: ignore[attr-defined]

_LOOP = types.void(types.CPointer(types.voidptr))


class OnThreads:
    """A function of addresses that runs at once on each of torch's threads and does its share of the work.

    The function is machine code: it gets a pointer to the addresses, which `array_at` makes arrays of, and asks
    `this_thread` and `num_threads`. It is compiled when first called, and kept on disk as in `compiled`.
    """

    def __init__(self, function: Callable[[Any], None]) -> None:
        self._function = inspect.unwrap(function)  # without what checks types under the tests

    def __call__(self, *addresses: int) -> None:
        """Run it; the addresses have to stay valid until it returns."""
        self._run(self._code.address, struct.pack(f"{len(addresses)}q", *addresses), torch.get_num_threads(), 0)

    @cached_property
    def _run(self) -> Callable[[int, bytes, int, int], None]:
        return _run()

    @cached_property
    def _code(self) -> Any:
        _run()
        compile_it = partial(numba.cfunc, _LOOP, fastmath=SUMS_IN_LANES, error_model="numpy")
        try:
            return compile_it(cache=True)(self._function)
        except RuntimeError:
            return compile_it()(self._function)


def on_threads(function: Callable[[Any], None]) -> OnThreads:
    """See `OnThreads`."""
    return OnThreads(function)


@cache
def _run() -> Callable[[int, bytes, int, int], None]:
    """Calls a function at an address with a pointer, on so many threads."""
    try:
        library = ctypes.CDLL(None)  # what is loaded: torch comes with OpenMP
        run, this, count = library.GOMP_parallel, library.omp_get_thread_num, library.omp_get_num_threads
    except (AttributeError, OSError, TypeError):
        return _alone()
    llvmlite.binding.add_symbol("eigenlm_this_thread", _address(this))
    llvmlite.binding.add_symbol("eigenlm_num_threads", _address(count))
    run.argtypes, run.restype = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint], None
    return run


def _alone() -> Callable[[int, bytes, int, int], None]:
    first, one = (numba.cfunc(types.int32())(function) for function in (lambda: 0, lambda: 1))
    llvmlite.binding.add_symbol("eigenlm_this_thread", first.address)
    llvmlite.binding.add_symbol("eigenlm_num_threads", one.address)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
    kept = (first, one)  # code that is not referred to is freed
    return lambda address, data, *_, kept=kept: kind(address)(data)


def _address(function: Any) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address
