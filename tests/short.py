"""What a result shows of itself is short, whatever part of it is looked at."""

import dataclasses
from collections.abc import Iterator, Mapping

LINES, LETTERS = 15, 120


def too_long(result: object) -> list[str]:
    """Of a result and every dataclass it is made of, the kinds that show themselves in more than fifteen lines."""
    told = {type(part).__name__: repr(part) for part in _inside(result)}
    assert told
    return [kind for kind, text in told.items() if len(text.splitlines()) > LINES or len(text) > LINES * LETTERS]


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
