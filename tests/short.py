"""What a result shows of itself is short, whatever part of it is looked at."""

import dataclasses
from collections.abc import Iterator, Mapping

LINES, LETTERS = 15, 120


def check_short(result: object) -> None:
    """A result and every dataclass it is made of are at most fifteen lines each."""
    parts = list(_inside(result))
    assert parts
    for part in parts:
        told = repr(part)
        assert len(told.splitlines()) <= LINES, told
        assert len(told) <= LINES * LETTERS, (type(part).__name__, len(told))


def _inside(value: object) -> Iterator[object]:
    """Of many of one kind, the first two."""
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        for item in value[:2]:
            yield from _inside(item)
    elif dataclasses.is_dataclass(value):
        yield value
        for field in dataclasses.fields(value):
            yield from _inside(getattr(value, field.name))
