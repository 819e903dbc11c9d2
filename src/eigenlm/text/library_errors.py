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
        if is_the_librarys(failure):
            raise error(explain(operation, expected=expected, got=str(failure)[:200], do=do)) from failure
        raise


def is_the_librarys(failure: BaseException) -> bool:
    """Whether it is neither an error of ours nor an interrupt."""
    return type(failure).__name__ == "PanicException" or (
        isinstance(failure, Exception) and not isinstance(failure, EigenError)
    )
