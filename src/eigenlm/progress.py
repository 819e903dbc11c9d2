"""Progress of long acts, on standard error: a bar where a person is watching, a line now and then elsewhere."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from eigenlm.terminal import Terminal, tell

T = TypeVar("T")

_FIRST, _THEN = 2.0, 10.0  # seconds to the first line, and at least from each to the next
_RARER = 1.5  # how much longer each wait is than the one before


class Pace:
    """When it is time for a line where no terminal is: after two seconds, then ever more rarely."""

    def __init__(self) -> None:
        """Begin to wait."""
        self._wait, self._due = _THEN, time.monotonic() + _FIRST

    def is_due(self) -> bool:
        """Whether it is time; if so, the next time is later."""
        if (now := time.monotonic()) < self._due:
            return False
        self._wait, self._due = self._wait * _RARER, now + self._wait
        return True


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


def track(items: Iterable[T], description: str, total: int | Callable[[], int | None] | None = None) -> Iterator[T]:
    """Yield `items` while standard error shows count, rate and time left, in a bar or, to no terminal, in lines.

    Args:
        items: what is gone through.
        description: what is done, in a word.
        total: how many items there are, or what reckons that anew before each; by default, as many as they say.
    """
    console = Terminal(stderr=True)
    known = len(items) if total is None and isinstance(items, Sized) else total
    if console.is_terminal:
        yield from _in_a_bar(items, description, known, console)
    else:
        yield from _in_lines(items, description, known)


@contextmanager
def waiting(description: str) -> Iterator[None]:
    """Show how long the block takes, of which nobody knows how far it is."""
    console = Terminal(stderr=True)
    if console.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            progress.add_task(description, total=None)
            yield
    else:
        ended = threading.Event()
        threading.Thread(target=_tell_till, args=(ended, description), daemon=True).start()
        try:
            yield
        finally:
            ended.set()


def _tell_till(ended: threading.Event, description: str) -> None:
    start, pace = time.monotonic(), Pace()
    while not ended.wait(0.5):
        if pace.is_due():
            tell(f"{description}: {timedelta(seconds=round(time.monotonic() - start))} so far")


def _in_a_bar(
    items: Iterable[T], description: str, total: int | Callable[[], int | None] | None, console: Terminal
) -> Iterator[T]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(description, total=None if callable(total) else total)
        for item in items:
            if callable(total):
                progress.update(task, total=total())
            yield item
            progress.advance(task)


def _in_lines(items: Iterable[T], description: str, total: int | Callable[[], int | None] | None) -> Iterator[T]:
    start, pace = time.monotonic(), Pace()
    for done, item in enumerate(items):
        if done and pace.is_due():
            tell(_line(description, done, total() if callable(total) else total, time.monotonic() - start))
        yield item


def _line(description: str, done: int, total: int | None, seconds: float) -> str:
    """How far an act is.

    >>> _line("measuring", 30, 120, 20.0)
    'measuring: 30 of 120, 1.5/s, 0:01:00 left'
    >>> _line("reading", 1200, None, 10.0)
    'reading: 1,200, 120.0/s'
    """
    rate = done / seconds
    if total is None or total < done:
        return f"{description}: {done:,}, {rate:.1f}/s"
    return f"{description}: {done:,} of {total:,}, {rate:.1f}/s, {timedelta(seconds=round((total - done) / rate))} left"
