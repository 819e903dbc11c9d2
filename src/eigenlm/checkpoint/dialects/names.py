"""Where a file keeps our tensors: tables of names, `{i}` for the number of a block and `{e}` for that of an expert."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from eigenlm.checkpoint.dialects.layout import STACKED, Layout, Turn, rows_of

_BLOCK = re.compile(r"^(blocks|encoder)\.(\d+)\.")
_EXPERT = re.compile(r"\.experts\.(\d+)\.")
QUERY_KEY_VALUE, GATE_UP = ("query", "key", "value"), ("gate", "up")


@dataclass(frozen=True)
class Location:
    """Where a file keeps one of our tensors, and how it lies there.

    Attributes:
        name: what the file calls it.
        layout: the steps from its tensor to ours.
        also: a second name for the same tensor, which some readers want and some files have alone.
    """

    name: str
    layout: Layout = ()
    also: str | None = None


Names = Mapping[str, str | Location]


def placed(names: Names, parameter: str) -> Location | None:
    """The place of a parameter in a table of parameters and modules, None where it has none."""
    block, expert = _BLOCK.match(parameter), _EXPERT.search(parameter)
    template = _EXPERT.sub(".experts.{e}.", _BLOCK.sub(r"\1.{i}.", parameter))
    module, _, leaf = template.rpartition(".")
    exact, of_module = names.get(template), names.get(module)
    found = of_module if exact is None else exact
    if found is None:
        return None
    place = found if isinstance(found, Location) else Location(found)
    name = place.name if exact is not None else f"{place.name}.{leaf}"
    layout = place.layout
    if block is not None:
        name = name.replace("{i}", block[2])
    if expert is not None:
        name = name.replace("{e}", expert[1])
        layout = tuple(replace(step, part=int(expert[1])) if step == STACKED else step for step in layout)
    return replace(place, name=name, layout=layout)


def below(ours: str, theirs: str, parts: Mapping[str, str]) -> dict[str, str]:
    """Names of the parts of one module; `ours` and `theirs` are what they begin with."""
    return {f"{ours}{part}": f"{theirs}{name}" for part, name in parts.items()}


def in_blocks(theirs: str, parts: Mapping[str, str]) -> dict[str, str]:
    """Names of the parts of each block."""
    return below("blocks.{i}.", theirs, parts)


def fused(ours: str, theirs: str, parts: tuple[str, ...], *first: Turn) -> dict[str, Location]:
    """Modules that are one matrix in the file, one after the other."""
    return {f"{ours}{part}": Location(theirs, (*first, rows_of(part, parts))) for part in parts}
