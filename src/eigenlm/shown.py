"""How a result shows itself in a console and in a notebook: a line for each of its figures, never more than fifteen."""

import dataclasses
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup
from torch import Tensor, nn

from eigenlm.errors import visible

_MOST_LINES, _MOST_LETTERS, _FEW = 14, 80, 4


class Shown:
    """A dataclass whose `repr` is a short table of its fields and properties, and whose notebook form is the same.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Score(Shown):
    ...     nll: float
    ...     windows: tuple[float, ...]
    >>> Score(3.14159, tuple(range(100)))
    Score
      nll      3.142
      windows  100 numbers, 0 to 99
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Shown.__repr__  # type: ignore[method-assign]  # stands there before `dataclass` looks for one

    def __repr__(self) -> str:
        rows = list(self._rows())
        width = max((len(name) for name, _ in rows), default=0)
        return "\n".join([self._heading(), *(f"  {name.ljust(width)}  {value}" for name, value in rows)])

    def _repr_html_(self) -> str:
        row = Markup('<tr><th style="text-align:left">{}</th><td style="text-align:left">{}</td></tr>')
        rows = Markup("").join(row.format(name, value) for name, value in self._rows())
        return str(Markup("<table><caption>{}</caption>{}</table>").format(self._heading(), rows))

    def _heading(self) -> str:
        """What stands above the rows."""
        name = getattr(self, "name", None)
        return _clipped(f"{type(self).__name__} {name}" if isinstance(name, str) else type(self).__name__)

    def _rows(self) -> Iterator[tuple[str, str]]:
        """Names and what is told of their values, as many as fit."""
        told = [(name, brief(getattr(self, name))) for name in _names(type(self))]
        kept = told if len(told) <= _MOST_LINES else told[: _MOST_LINES - 1]
        yield from kept
        if len(kept) < len(told):
            yield "...", _clipped("and " + ", ".join(name for name, _ in told[len(kept) :]))


def brief(value: Any) -> str:
    """A value in a few words: numbers to four digits, and of what is long or nested how much there is.

    >>> brief(0.0123456), brief(1234567), brief((1, 2)), brief({"a": 1, "b": 2}), brief(None)
    ('0.01235', '1,234,567', '1, 2', 'a, b', 'None')
    """
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}"
    if isinstance(value, numbers.Real):
        return f"{float(value):,.4g}"
    if isinstance(value, nn.Module):
        return f"{type(value).__name__} of {sum(p.numel() for p in value.parameters()):,} parameters"
    if isinstance(value, Tensor) or (hasattr(value, "dtype") and hasattr(value, "shape")):
        return f"{' x '.join(map(str, value.shape)) or 'one number'}, {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, Mapping):
        return _listed(list(map(str, value)), f"{len(value):,} by name")
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (str, bytes)):
        return _of_many(list(value))
    own: Any = type(value).__repr__
    return type(value).__name__ if own in {Shown.__repr__, object.__repr__} else _clipped(str(value))


def _names(kind: type) -> list[str]:
    """Fields that are shown, and then the properties of the class that are numbers."""
    fields = [field.name for field in dataclasses.fields(kind) if field.repr and field.name != "name"]
    hints = {
        name: one.fget.__annotations__.get("return") for name, one in vars(kind).items() if isinstance(one, property)
    }
    return fields + [name for name, hint in hints.items() if hint in (int, float) and not name.startswith("_")]


def _of_many(values: list[Any]) -> str:
    if values and all(isinstance(value, numbers.Real) for value in values):
        return _listed(
            list(map(brief, values)), f"{len(values):,} numbers, {brief(min(values))} to {brief(max(values))}"
        )
    if all(isinstance(value, str) for value in values):
        return _listed(values, f"{len(values):,}: {', '.join(values[:_FEW])}, ...")
    kinds = dict.fromkeys(type(value).__name__ for value in values)
    return f"{len(values):,} of {', '.join(kinds)}"


def _listed(words: list[str], otherwise: str) -> str:
    """The words themselves if they are few."""
    return _clipped(", ".join(words) if len(words) <= _FEW else otherwise) or "none"


def _clipped(text: str) -> str:
    text = visible(" ".join(text.split()))
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 3]}..."
