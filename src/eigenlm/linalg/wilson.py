"""How well a fraction is known that was counted."""

import math

from eigenlm.estimate import Estimate

_Z = 1.959963984540054  # the normal distribution's 97.5 % point


def wilson(count: float | int, total: float | int) -> Estimate:
    """count / total with Wilson's 95 % interval (1927), for cases that are independent of each other.

    >>> print(wilson(8, 10))
    0.8 (0.4902 to 0.9433)
    """
    if not total:
        return Estimate(value=math.nan, low=0.0, high=1.0)
    share, spread = count / total, _Z**2 / total
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    return Estimate(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half))
