"""What sizes of a model cost, as a picture in a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eigenlm.cli.output import print_table

if TYPE_CHECKING:
    from eigenlm.compression import Point

_WIDTH = 30  # cells of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉"


def print_curve(curve: Sequence["Point"], chosen: "Point", unit: str) -> None:
    """A bar for each size, as long as what it costs in a unit; an arrow at the size that was chosen."""
    dearest = max(point.loss.value for point in curve)
    rows = [
        [
            f"{point.num_bytes / 1e6:,.1f} MB" + (" ◀" if point == chosen else "  "),
            f"{point.loss.value:+.4f}",
            f"{point.loss.low:+.4f} to {point.loss.high:+.4f}",
            _bar(point.loss.value / dearest if dearest > 0 else 0.0),
        ]
        for point in curve
    ]
    print_table("size and loss", ["size", unit, "95% interval", "loss"], rows, words=["loss"])


def _bar(share: float) -> str:
    eighths = round(8 * _WIDTH * max(share, 0.0))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
