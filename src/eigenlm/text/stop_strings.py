"""Text up to the first stop string, while it arrives."""

from collections.abc import Sequence


class StopStrings:
    """Lets text through up to the stop string that ends first; what may begin one is held back until it is certain.

    >>> watch = StopStrings(["two"])
    >>> [watch.push(piece) for piece in ("one ", "tw", "o th", "ree")]
    ['one ', '', '', '']

    Args:
        stops: the strings; empty ones do not count.

    Attributes:
        found: whether one has come, after which nothing more is let through.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.found = False

    def push(self, piece: str) -> str:
        """Take the next piece; give the text that is certain now, often none."""
        if self.found:
            return ""
        self._held += piece
        found = [
            (self._held.index(stop) + len(stop), self._held.index(stop)) for stop in self._stops if stop in self._held
        ]
        if found:
            self.found = True
            return self._give(min(found)[1])
        beginnings = (size for stop in self._stops for size in range(1, len(stop)) if self._held.endswith(stop[:size]))
        return self._give(len(self._held) - max(beginnings, default=0))

    def finish(self) -> str:
        """The text still held back."""
        return "" if self.found else self._give(len(self._held))

    def _give(self, size: int) -> str:
        given, self._held = self._held[:size], self._held[size:]
        return given
