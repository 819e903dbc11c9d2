"""Loops over words at the speed of the machine: compiled when they are first called, and kept on disk for the next."""

from collections.abc import Callable
from typing import Any

import numba

_SUMS = {"reassoc", "contract", "nsz", "arcp"}  # sums may be taken in lanes; what is not a number stays so


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as machine code that other threads may run beside.

    It is kept beside the source or in the user's cache; where neither can be written, it is compiled anew each time.
    """
    try:
        return numba.njit(function, nogil=True, fastmath=_SUMS, error_model="numpy", cache=True)
    except RuntimeError:
        return numba.njit(function, nogil=True, fastmath=_SUMS, error_model="numpy")
