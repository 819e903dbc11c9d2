"""Estimates with their intervals on one axis: where each is drawn, in per cent of the picture's width."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from eigenlm.estimate import Estimate

_TICKS, _MARGIN = 5, 0.04


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One estimate.

    Attributes:
        label: what it is of.
        foretold: a forecast, and not a measurement.
        estimate: what is drawn.
        left: of its interval; at the picture's edge where it has no end.
        middle: of its value.
        right: of its interval.
    """

    label: str
    foretold: bool
    estimate: Estimate
    left: float
    middle: float
    right: float


@dataclass(frozen=True, kw_only=True)
class IntervalChart:
    """Bars above an axis.

    Attributes:
        title: what is drawn, with its unit.
        bars: from above.
        ticks: places of the axis, and the numbers there.
        zero: where 0 is.
    """

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float


def interval_chart(title: str, rows: Sequence[tuple[str, bool, Estimate]]) -> IntervalChart:
    """Lay rows out on an axis that holds 0 and every end that is a number.

    Args:
        title: as of the chart.
        rows: of each its label, whether it is a forecast, and the estimate.

    >>> chart = interval_chart("x", [("a", False, Estimate(value=1.0, low=0.5, high=2.0))])
    >>> [text for _, text in chart.ticks], chart.zero < chart.bars[0].left < chart.bars[0].right
    (['0', '0.5', '1', '1.5', '2'], True)
    """
    values = [x for _, _, e in rows for x in (e.value, e.low, e.high) if math.isfinite(x)]
    low, high = min(0.0, *values), max(0.0, *values)
    high = high if high > low else low + 1.0
    margin = _MARGIN * (high - low)
    start, width = low - margin, high - low + 2 * margin

    def place(x: float) -> float:
        return round(100 * min(max((x - start) / width, 0.0), 1.0), 2)

    step = _step((high - low) / (_TICKS - 1))
    ticks = [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    bars = tuple(
        Bar(label=label, foretold=foretold, estimate=e, left=place(e.low), middle=place(e.value), right=place(e.high))
        for label, foretold, e in rows
    )
    return IntervalChart(title=title, bars=bars, ticks=tuple((place(x), f"{x:.6g}") for x in ticks), zero=place(0.0))


def _step(least: float) -> float:
    """The first of 1, 2, 2.5, 5, 10, ... times a power of ten that is no less; never more than twice as much."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(digit * power for digit in (1, 2, 2.5, 5, 10) if digit * power >= least * (1 - 1e-9))
