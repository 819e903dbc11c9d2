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
    """What belongs to matrices of one role in all layers together, in the order given, by the kind's short name."""
    kinds: dict[str, list[Named]] = {}
    for row in rows:
        kinds.setdefault(kind_of(row.name), []).append(row)
    return dict(zip(short_kinds(kinds).values(), kinds.values()))


def short_kinds(kinds: Iterable[str]) -> dict[str, str]:
    """What kinds are called: within their layer, and where two stacks of layers have it, by their stack too.

    >>> list(short_kinds(["blocks.*.attention.query", "embedding.token"]).values())
    ['attention.query', 'embedding.token']
    >>> list(short_kinds(["encoder.*.mlp.up", "blocks.*.mlp.up", "blocks.*.cross.up"]).values())
    ['encoder.mlp.up', 'decoder.mlp.up', 'decoder.cross.up']
    """
    parts = {kind: kind.partition("*.") for kind in kinds}
    stacks = dict.fromkeys(stack for stack, _, own in parts.values() if own)
    called = {stack: stack if len(stacks) > 1 else "" for stack in stacks}
    if {"blocks.", "encoder."} <= stacks.keys():
        called["blocks."] = "decoder."
    return {kind: called[stack] + own if own else kind for kind, (stack, _, own) in parts.items()}


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
