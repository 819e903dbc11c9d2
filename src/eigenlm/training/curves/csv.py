"""Curves as a table that every program opens, `curves.csv`: one row for each point."""

import csv
from pathlib import Path

from eigenlm.files import regular
from eigenlm.training.curves.points import CLOCK, points


class Table:
    """Rows of step, curve and value, the same bytes whatever happened on the way; speed is in `timing.jsonl`.

    Args:
        folder: of the run; what its log holds is written anew, and gone on from.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._file = regular(folder / "curves.csv", or_new=True).open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow(("step", "curve", "value"))
        for step, values in points(folder / "log.jsonl"):
            if isinstance(values, dict):
                self.scalars(values, step)

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Add a row for each value."""
        self._rows.writerows((step, name, value) for name, value in values.items() if not name.startswith(CLOCK))
        self._file.flush()

    def text(self, name: str, words: str, step: int) -> None:
        """Leave texts to the log."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def opened(folder: Path, step: int) -> Table:
    """The table of a run."""
    return Table(folder)
