"""What the tokenizers library raises, as errors of ours: a panic of its Rust code is no Exception."""

from collections.abc import Iterator
from contextlib import contextmanager

from eigenlm.errors import EigenError, explain


@contextmanager
def told(operation: str, *, expected: str, error: type[EigenError], do: str = "") -> Iterator[None]:
    """Raise `error` in one line for whatever the library raises; errors of ours and interrupts pass."""
    try:
        yield
    except BaseException as failure:
        own = isinstance(failure, EigenError)
        if own or not (isinstance(failure, Exception) or type(failure).__name__ == "PanicException"):
            raise
        raise error(explain(operation, expected=expected, got=str(failure)[:200], do=do)) from failure
