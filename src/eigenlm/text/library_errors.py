"""What the tokenizers library raises, as errors of ours: a panic of its Rust code is no Exception."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from eigenlm.errors import EigenError, explain

_HEARD = threading.Lock()


@contextmanager
def told(operation: str, *, expected: str, error: type[EigenError], do: str = "") -> Iterator[None]:
    """Raise `error` in one line for whatever the library raises; errors of ours and interrupts pass."""
    try:
        yield
    except BaseException as failure:
        if is_the_librarys(failure):
            raise error(explain(operation, expected=expected, got=str(failure)[:200], do=do)) from failure
        raise


@contextmanager
def unheard() -> Iterator[None]:
    """Keep from the user what Rust's panics write to standard error on their own; what is raised says it again.

    What other threads write there meanwhile is lost, so that this is for reading a file, not for encoding.
    """
    with _HEARD:
        try:
            kept = os.dup(2)
        except OSError:  # it is closed
            yield
            return
        nothing = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nothing, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nothing)


def is_the_librarys(failure: BaseException) -> bool:
    """Whether it is neither an error of ours nor an interrupt."""
    return type(failure).__name__ == "PanicException" or (
        isinstance(failure, Exception) and not isinstance(failure, EigenError)
    )
