"""A terminal that files cannot command: what they say is shown, never obeyed."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

from eigenlm.errors import visible


class Terminal(Console):
    """Rich's console, for text that may come from a file."""

    def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
        """Segments without controls but rich's own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def say(line: str) -> None:
    """A line on standard output."""
    print(visible(line))


def say_piece(piece: str) -> None:
    """A piece of a model's text on standard output: to a terminal without controls, elsewhere as it is."""
    sys.stdout.write(visible(piece) if sys.stdout.isatty() else piece)
    sys.stdout.flush()


def tell(line: str) -> None:
    """A line on standard error."""
    print(visible(line), file=sys.stderr, flush=True)
