"""Where a command ends, however it ends: streams that can be written or are told of, and an error as one line."""

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, suppress
from typing import Any

from eigenlm.errors import EigenError, RankError

USER_ERROR = 2
INTERRUPTED, TERMINATED = 130, 143
_GRACE = 4.0  # seconds from a signal to the end, whatever library is at work
_MOST = 400  # characters of what another library says
_TO_TELL = 10.0  # seconds that ranks of one machine may be apart before they meet


class Terminated(SystemExit):
    """The process was asked to end, by SIGTERM."""


@contextmanager
def obeyed_signals() -> Iterator[None]:
    """Signals that end the block, with all that it cleans up, and seconds later the process where it has not ended.

    Where the block takes a signal for itself, it is left to do so.
    """

    def end(*_: object) -> None:
        raise Terminated(TERMINATED)

    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.signal(signal.SIGTERM, end)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    ours = {signal.SIGTERM: end, signal.SIGINT: signal.getsignal(signal.SIGINT)}
    threading.Thread(target=_end_in_time, args=(heard, ours), daemon=True).start()
    yield


def _end_in_time(heard: int, ours: Mapping[int, Any]) -> None:
    """End the process some seconds after a signal that is ours to obey; its threads may be deep in a library."""
    while number := os.read(heard, 1):
        time.sleep(_GRACE)
        if signal.getsignal(number[0]) is ours.get(number[0], ours):
            os._exit(128 + number[0])


@contextmanager
def standard_streams() -> Iterator[None]:
    """Standard output and error as the block may use them; what Python still holds at the end raises nothing later.

    Names of files that are not UTF-8 are written with escapes.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (till the process ends)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            _let_go(stream)


@contextmanager
def hushed(quiet: bool) -> Iterator[None]:
    """Inside the block, what is said beside the result on standard error is lost, if it is to be quiet."""
    if quiet:
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
            yield
    else:
        yield


def _let_go(stream: Any) -> None:
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def one_line(error: BaseException) -> str:
    """What happened and what helps: the words of an error of ours, or those of any other with its kind."""
    if isinstance(error, EigenError):
        return str(error)
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or "allocate memory" in str(error):
        return "out of memory; free some, or take a smaller model, text or batch"
    if isinstance(error, RecursionError):
        return "a file is nested too deeply to be read; --debug shows where"
    words = " ".join(str(error).split())[:_MOST]
    if isinstance(error, OSError):
        return f"{words or type(error).__name__}; --debug shows where"
    return f"{type(error).__name__}: {words}; a fault of eigenlm or of a library it uses, which --debug shows"


def is_first_here() -> bool:
    """Whether this process is the first that torchrun started on this machine, or the only one."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def leave_to_the_first(error: BaseException) -> None:
    """Wait until torchrun ends this rank, because the first of its machine tells of what all of them found.

    Returns where this rank has to tell by itself: it is the first or heard of no other, or the ranks had met and the
    error is its own.

    Raises:
        SystemExit: torchrun ended it.
    """
    if is_first_here() or not isinstance(error, EigenError | SystemExit) or _is_of_one_rank(error):
        return

    def leave(*_: object) -> None:
        raise SystemExit(USER_ERROR)

    signal.signal(signal.SIGTERM, leave)
    time.sleep(_TO_TELL)


def _is_of_one_rank(error: BaseException | None) -> bool:
    """Whether it passed `machine.processes`, which notes the rank."""
    if error is None or isinstance(error, RankError):
        return error is not None
    return hasattr(error, "__notes__") or _is_of_one_rank(error.__cause__)
