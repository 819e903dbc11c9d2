"""Loops over words at the speed of the machine: compiled when they are first called, and kept on disk for the next."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numba

_SUMS = {"reassoc", "contract", "nsz", "arcp"}  # sums may be taken in lanes; what is not a number stays so


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as machine code that other threads may run beside.

    It is kept beside the source or in the user's cache; where neither can be written, it is compiled anew each time.
    """
    compile_it = partial(numba.njit, nogil=True, fastmath=_SUMS, error_model="numpy")
    plain = inspect.unwrap(function)  # without what checks types under the tests
    try:
        return compile_it(plain, cache=True)
    except RuntimeError:
        return compile_it(plain)
