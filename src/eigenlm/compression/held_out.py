"""Text that nothing is fitted to."""

from jaxtyping import Int
from torch import Tensor

from eigenlm.errors import DataError, explain


def kept_apart(windows: Int[Tensor, "B T"], act: str) -> tuple[Int[Tensor, "F T"], Int[Tensor, "A T"]]:
    """Windows to fit to, and the last quarter, one window at least, to try on what was fitted.

    Args:
        windows: (B, T) calibration text.
        act: what they are for.

    Raises:
        DataError: fewer than two windows.
    """
    if len(windows) < 2:
        raise DataError(explain(act, expected="at least 2 windows of calibration text", got=len(windows)))
    apart = max(1, len(windows) // 4)
    return windows[:-apart], windows[-apart:]
