"""Which learning rates an optimizer is tried at."""

from collections.abc import Sequence

SPACING = 2.0
"""From one rate to the next. A loss is flat near its best rate: half an octave away it is hardly worse."""


def grid(centre: float, points: int, spacing: float = SPACING) -> tuple[float, ...]:
    """`points` rates around a centre, each `spacing` times the one before; of an even number one more is above.

    >>> grid(0.02, 5)
    (0.005, 0.01, 0.02, 0.04, 0.08)
    """
    return tuple(centre * spacing ** (i - (points - 1) // 2) for i in range(points))


def beyond_the_edge(rates: Sequence[float], losses: Sequence[float], spacing: float = SPACING) -> float | None:
    """The next rate to try when the best so far is the highest or the lowest; None when it lies inside.

    >>> beyond_the_edge([1.0, 2.0, 4.0], [3.5, 3.2, 3.1])
    8.0
    """
    best = rates[min(range(len(rates)), key=lambda i: losses[i])]
    if best == max(rates):
        return best * spacing
    return best / spacing if best == min(rates) else None
