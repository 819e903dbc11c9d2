"""A damaged file told in one line, whatever it does to those who read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eigenlm.errors import CheckpointError, EigenError, explain


@contextmanager
def damage_told(path: Path, expected: str) -> Iterator[None]:
    """Settings of a file that have a type or a value that nobody thought of, in one line.

    Raises:
        CheckpointError: in place of what Python raises for them.
        EigenError: as it was raised.
    """
    try:
        yield
    except EigenError:
        raise
    except (ArithmeticError, AttributeError, AssertionError, LookupError, TypeError, ValueError) as error:
        got = f"{type(error).__name__}: {error}"[:200]
        raise CheckpointError(explain(f"reading {path}", expected=expected, got=got)) from error
