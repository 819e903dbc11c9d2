"""Progress of long acts, on standard error, only where a person is watching."""

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from eigenlm.terminal import Terminal

T = TypeVar("T")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


def track(items: Iterable[T], description: str, total: int | Callable[[], int | None] | None = None) -> Iterator[T]:
    """Yield `items` while a bar on standard error shows count, rate and time left; silent when it is no terminal.

    Args:
        items: what is gone through.
        description: what is done, in a word.
        total: how many items there are, or what reckons that anew before each; by default, as many as they say.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    console = Terminal(stderr=True)
    known = len(items) if total is None and isinstance(items, Sized) else total
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(description, total=None if callable(known) else known)
        for item in items:
            if callable(known):
                progress.update(task, total=known())
            yield item
            progress.advance(task)
