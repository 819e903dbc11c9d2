"""How numbers are written for a reader."""

import math


def figure(value: float | int) -> str:
    """Three significant digits for a reader, all digits of whole numbers.

    >>> [figure(x) for x in (0.000123, 3.14159, 576.0, 49152, 50758.8, math.inf)]
    ['0.000123', '3.14', '576', '49,152', '50,800', '∞']
    """
    if math.isinf(value):
        return "∞"
    if isinstance(value, int) or value == 0:
        return f"{value:,.0f}"
    if abs(value) >= 1e7 or abs(value) < 1e-4:
        return f"{value:.2e}"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.3g}"
