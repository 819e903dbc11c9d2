"""Run Python code that is not trusted to end."""

import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Generic, TypeVar

from eigenlm.errors import DataError, explain

T = TypeVar("T")


class _OutOfTime(BaseException):
    """Not an Exception, so that no handler in the code swallows it."""


def within(seconds: float, what: str, act: Callable[[], T], source: str) -> T:
    """The result of `act`, run in a thread of its own that is stopped at its next line or call after `seconds`.

    One call into C cannot be stopped: after twice the time it is left to its thread.

    Args:
        seconds: wall time.
        what: the operation, for the message.
        act: what to run; it takes nothing.
        source: the file name of the code whose lines are watched; of other code only calls are.

    Raises:
        DataError: the time is over. Whatever `act` raises is raised here.
    """
    worker = _Worker(act, time.monotonic() + seconds, source)
    thread = threading.Thread(target=worker.run, name=what, daemon=True)
    thread.start()
    thread.join(2 * seconds)
    if thread.is_alive() or isinstance(worker.failure, _OutOfTime):
        raise DataError(explain(what, expected=f"an end within {seconds:g} s", got="none, so it was stopped"))
    if worker.failure is not None:
        raise worker.failure
    return worker.result


class _Worker(Generic[T]):
    result: T

    def __init__(self, act: Callable[[], T], deadline: float, source: str) -> None:
        self.failure: BaseException | None = None
        self._act, self._deadline, self._source = act, deadline, source

    def run(self) -> None:
        sys.settrace(self._trace)
        try:
            self.result = self._act()
        except BaseException as failure:
            self.failure = failure
        finally:
            sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if time.monotonic() > self._deadline:
            raise _OutOfTime
        return self._trace if frame.f_code.co_filename == self._source else None
