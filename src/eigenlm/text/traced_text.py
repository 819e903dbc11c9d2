"""Text that knows which of its characters a user wrote, through all that a chat template does with it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set, ValuesView
from typing import Any, SupportsIndex

from markupsafe import escape

_TEMPLATES, _USERS = b"\0", b"\1"


class Traced(str):
    """A string with a mark for each character: 1 where a user wrote it, 0 where the template did.

    It equals and hashes as the plain string, so a template sees the text as it is. Slices, sums and the methods that
    cut or join keep each character's mark; where an operation moves characters about, its whole result is the user's
    as soon as one character was.

    Args:
        text: the string.
        marks: one byte for each of its characters.
    """

    marks: bytes

    def __new__(cls, text: str, marks: bytes) -> "Traced":
        """The string with its marks."""
        made = super().__new__(cls, text)
        made.marks = marks
        return made

    def __str__(self) -> str:
        return self

    def __iter__(self) -> Any:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: SupportsIndex | slice) -> "Traced":
        text = super().__getitem__(place)
        if isinstance(place, slice):
            return Traced(text, self.marks[place])
        return Traced(text, bytes([self.marks[place]]))

    def __add__(self, other: Any) -> "Traced":
        return joined((self, other)) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: Any) -> "Traced":
        return joined((other, self)) if isinstance(other, str) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> "Traced":
        return Traced(super().__mul__(times), self.marks * times.__index__())

    __rmul__ = __mul__

    def join(self, parts: Iterable[str], /) -> "Traced":
        """The parts with this text between them."""
        between = [piece for part in parts for piece in (self, part)]
        return joined(between[1:])

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[Any]:
        """As `str.split`."""
        return self._parts(super().split(sep, maxsplit), len(sep or ""))

    def rsplit(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[Any]:
        """As `str.rsplit`."""
        return self._parts(super().rsplit(sep, maxsplit), len(sep or ""))

    def splitlines(self, keepends: bool = False) -> list[Any]:
        """As `str.splitlines`."""
        return self._parts(super().splitlines(keepends))

    def partition(self, sep: str, /) -> tuple[Any, Any, Any]:
        """As `str.partition`."""
        before, found, after = self._parts(super().partition(sep))
        return before, found, after

    def rpartition(self, sep: str, /) -> tuple[Any, Any, Any]:
        """As `str.rpartition`."""
        before, found, after = self._parts(super().rpartition(sep))
        return before, found, after

    def strip(self, chars: str | None = None, /) -> "Traced":
        """As `str.strip`."""
        return self.lstrip(chars).rstrip(chars)

    def lstrip(self, chars: str | None = None, /) -> "Traced":
        """As `str.lstrip`."""
        return self[len(self) - len(super().lstrip(chars)) :]

    def rstrip(self, chars: str | None = None, /) -> "Traced":
        """As `str.rstrip`."""
        return self[: len(super().rstrip(chars))]

    def removeprefix(self, prefix: str, /) -> "Traced":
        """As `str.removeprefix`."""
        return self[len(prefix) :] if self.startswith(prefix) else self

    def removesuffix(self, suffix: str, /) -> "Traced":
        """As `str.removesuffix`."""
        return self[: len(self) - len(suffix)] if self.endswith(suffix) else self

    def replace(self, old: str, new: str, count: SupportsIndex = -1, /) -> "Traced":
        """As `str.replace`."""
        if not old:
            return traced(super().replace(old, new, count), self, new)
        return traced(new).join(self.split(old, count))

    def _parts(self, parts: Iterable[str], between: int = 0) -> list["Traced"]:
        """Where each part is: `between` characters after the last, or, among white space, the first one that fits."""
        found, place = [], 0
        for part in parts:
            place = self.index(part, place)
            found.append(self[place : place + len(part)])
            place += len(part) + between
        return found

    def _changed(change: Callable[[str], str]) -> Any:  # type: ignore[misc]
        def method(self: "Traced") -> "Traced":
            text = change(self)
            return Traced(text, self.marks) if len(text) == len(self) else traced(text, self)

        method.__name__ = change.__name__
        return method

    lower, upper, casefold = _changed(str.lower), _changed(str.upper), _changed(str.casefold)
    title, capitalize, swapcase = _changed(str.title), _changed(str.capitalize), _changed(str.swapcase)
    del _changed


class Safe(Traced):
    """Text that a template called safe: as with `markupsafe.Markup`, what is added to it is escaped for HTML."""

    def __html__(self) -> str:
        return self

    def __add__(self, other: Any) -> "Traced":
        return safe(super().__add__(escaped(other))) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: Any) -> "Traced":
        return safe(super().__radd__(escaped(other))) if isinstance(other, str) else NotImplemented


def traced(text: str, *sources: Any) -> Traced:
    """Text with marks: its own; without any, the user's if something in `sources` is, else the template's."""
    if isinstance(text, Traced):
        return text
    return Traced(text, (_USERS if any(map(_from_user, sources)) else _TEMPLATES) * len(text))


def by_user(value: Any) -> Any:
    """Plain data with all its texts marked as the user's; what is no plain data, as images, becomes its type's name."""
    if isinstance(value, str):
        text = str.__str__(value)
        return Traced(text, _USERS * len(text))
    if isinstance(value, Mapping):
        return {by_user(key): by_user(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return (tuple if isinstance(value, tuple) else list)(map(by_user, value))
    if value is None or type(value) in (bool, int, float):
        return value
    return by_user(f"<{type(value).__name__}>")


def joined(parts: Iterable[str]) -> Traced:
    """The parts one after another, each character with its mark."""
    whole = [traced(part) for part in parts]
    return Traced("".join(whole), b"".join(part.marks for part in whole))


def safe(text: str) -> Safe:
    """The text, called safe."""
    marked = traced(text)
    return Safe(marked, marked.marks)


def escaped(text: str) -> Traced:
    """The text with `<` and the like as HTML writes them, unless it was called safe."""
    if isinstance(text, Safe):
        return text
    return joined(Traced(e := str(escape(str.__str__(c))), c.marks * len(e)) for c in traced(text))


def _from_user(value: Any) -> bool:
    if isinstance(value, Traced):
        return 1 in value.marks
    if isinstance(value, Mapping):
        return any(_from_user(item) for pair in value.items() for item in pair)
    if isinstance(value, (list, tuple, Set, ValuesView)):
        return any(map(_from_user, value))
    return isinstance(value, Iterator)  # what it will give is not known yet
