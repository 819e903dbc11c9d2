"""Loops over numbers at the speed of the machine: compiled when first called, and kept on disk for the next time."""

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numba

SUMS_IN_LANES = {"reassoc", "contract", "nsz", "arcp"}  # what is not a number stays so


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as machine code that other threads may run beside, its sums taken in any order.

    It is kept beside the source or in the user's cache; where neither can be written, it is compiled anew each time.
    """
    return _compiled(function, SUMS_IN_LANES)


def compiled_in_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same with every sum taken term by term, so that each bit is what the lines say on any machine."""
    return _compiled(function, ())


def _compiled(function: Callable[..., Any], fastmath: Iterable[str]) -> Callable[..., Any]:
    compile_it = partial(numba.njit, nogil=True, fastmath=set(fastmath), error_model="numpy")
    plain = inspect.unwrap(function)  # without what checks types under the tests
    try:
        return compile_it(plain, cache=True)
    except RuntimeError:
        return compile_it(plain)
