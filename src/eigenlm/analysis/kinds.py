"""Which layer a matrix belongs to, and which kind of matrix it is there, read from its name."""

import re
from collections.abc import Iterable
from typing import Protocol, TypeVar, runtime_checkable

from eigenlm.errors import ConfigError, did_you_mean, explain

_LAYER = re.compile(r"(?<![^.])\d+(?![^.])")


@runtime_checkable
class OfMatrix(Protocol):
    """What belongs to one matrix, and has its name."""

    @property
    def name(self) -> str:
        """The matrix's."""


Named = TypeVar("Named", bound=OfMatrix)


def layer_of(name: str) -> int | None:
    """The first number that stands alone in a dotted name, or None.

    >>> layer_of("blocks.12.attention.query"), layer_of("embedding.token")
    (12, None)
    """
    found = _LAYER.search(name)
    return None if found is None else int(found[0])


def kind_of(name: str) -> str:
    """The name with its layer left open: what matrices of the same role share.

    >>> kind_of("blocks.12.attention.query")
    'blocks.*.attention.query'
    """
    return _LAYER.sub("*", name, count=1)


def by_kind(rows: Iterable[Named]) -> dict[str, list[Named]]:
    """What belongs to matrices of one role in all layers together, in the order given."""
    kinds: dict[str, list[Named]] = {}
    for row in rows:
        kinds.setdefault(kind_of(row.name), []).append(row)
    return kinds


def short_kind(kind: str) -> str:
    """What a kind is called within its layer.

    >>> short_kind("blocks.*.attention.query"), short_kind("embedding.token")
    ('attention.query', 'embedding.token')
    """
    return kind.partition("*.")[2] or kind


def called(rows: Iterable[Named], name: str) -> Named:
    """The row of the matrix of this name.

    Raises:
        ConfigError: there is none.
    """
    by_name = {row.name: row for row in rows}
    if name not in by_name:
        do = did_you_mean(name, by_name)
        raise ConfigError(explain("analysis", expected="the name of a matrix", got=repr(name), do=do))
    return by_name[name]
