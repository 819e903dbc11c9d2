"""What a model is and where its numbers sit, told from names and sizes alone: no tensor is read."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from eigenlm.analysis.kinds import kind_of
from eigenlm.checkpoint import TensorSource

# The first that matches a parameter's name says which part it belongs to; norms lie inside the others.
_PARTS = (
    ("norms", re.compile(r"norm\.")),
    ("embedding", re.compile(r"^embedding\.")),
    ("attention", re.compile(r"attention\.")),
    ("feed-forward", re.compile(r"feed_forward\.")),
    ("head", re.compile(r"^(head|pooler)\.")),
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One kind of parameters.

    Attributes:
        name: `embedding`, `attention`, `feed-forward`, `norms`, `head`, `other`; or what foreign names share.
        num_tensors: how many.
        num_params: numbers in them.
        num_bytes: that they take in the file.
        storage: the ways they are stored, `F32`, `Q4_1`, ...
    """

    name: str
    num_tensors: int
    num_params: int
    num_bytes: int
    storage: tuple[str, ...]


def part_of(name: str) -> str:
    """The part of one of our models that a parameter belongs to."""
    return next((part for part, pattern in _PARTS if pattern.search(name)), "other")


def module_kind(name: str) -> str:
    """What parameters of one module share in all layers, for names that are not ours.

    >>> module_kind("encoder.layer.3.intermediate.dense.weight")
    'encoder.layer.*.intermediate.dense'
    """
    return kind_of(name.rpartition(".")[0] or name)


def anatomy(tensors: TensorSource, part_of: Callable[[str], str] = part_of) -> tuple[Part, ...]:
    """The parts of a model, those with the most parameters first.

    Args:
        tensors: what `checkpoint.open_tensors` gives.
        part_of: the part that a name belongs to; for names that are not ours, `module_kind`.
    """
    members: dict[str, list[str]] = {}
    for name in tensors:
        members.setdefault(part_of(name), []).append(name)
    parts = [_part(part, names, tensors) for part, names in members.items()]
    return tuple(sorted(parts, key=lambda part: -part.num_params))


def _part(name: str, members: Iterable[str], tensors: TensorSource) -> Part:
    members = list(members)
    return Part(
        name=name,
        num_tensors=len(members),
        num_params=sum(math.prod(tensors.shape(member)) for member in members),
        num_bytes=sum(tensors.num_bytes(member) for member in members),
        storage=tuple(sorted({tensors.storage(member) for member in members})),
    )
