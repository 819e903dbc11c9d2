"""Tensors of a foreign file under our names, and our tensors under the file's names, one at a time."""

import functools
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from eigenlm.checkpoint.dialects import Dialect, Location
from eigenlm.checkpoint.dialects.layout import STACKED, Select, Widths, to_ours, to_theirs
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, explain
from eigenlm.linalg.by_blocks import ByBlocks, Part, row_blocks
from eigenlm.linear.as_read import ReadBlocks
from eigenlm.model import TransformerConfig

_OLD_ENDINGS = {".weight": ".gamma", ".bias": ".beta"}  # BERT's norms in files of 2018


class OurTensors(TensorSource):
    """A file's tensors under our names, laid out as we keep them.

    Args:
        source: the file.
        places: our names and where the file keeps them.
        config: the model.
    """

    def __init__(self, source: TensorSource, places: Mapping[str, Location], config: TransformerConfig) -> None:
        super().__init__(places)
        self._source, self._config = source, config

    def __getitem__(self, name: str) -> Tensor:
        place = self._entries[name]
        widths = _widths(self._config, name)
        match place.layout:
            case (Select(part=int(e), take=STACKED.take), *rest):
                return to_ours(self._source.part(place.name, slice(e, e + 1))[0], tuple(rest), widths).contiguous()
            case layout:
                return to_ours(self._source[place.name], layout, widths).contiguous()

    def part(self, name: str, where: Part) -> Tensor:
        """Some rows of a tensor, or some columns of them."""
        place = self._entries[name]
        return self[name][where] if place.layout else self._source.part(place.name, where)

    def blocks(self, name: str) -> ReadBlocks | None:
        """What reads rows of bytes in our order; where more than rows is moved, they tell another matrix than ours."""
        place = self._entries[name]
        read = self._source.blocks(place.name)
        if read is None:
            return None

        def ours() -> tuple[Tensor, int]:
            rows, block_type = read()
            return to_ours(rows, place.layout, _widths(self._config, name)).contiguous(), block_type

        return ours

    def reads_parts(self, name: str) -> bool:
        """Whether it lies as we keep it, in a file that does."""
        return not self._entries[name].layout and self._source.reads_parts(self._entries[name].name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor as we keep it; where its layout does not fit, as the file keeps it."""
        place = self._entries[name]
        stored = self._source.shape(place.name)
        try:
            empty = torch.empty(stored, device="meta")
            return tuple(to_ours(empty, place.layout, _widths(self._config, name)).shape)
        except (RuntimeError, IndexError):
            return stored

    def storage(self, name: str) -> str:
        """How the file stores its numbers."""
        return self._source.storage(self._entries[name].name)

    def num_bytes(self, name: str) -> int:
        """Bytes it takes in the file: its share of those of the file's tensor."""
        stored = self._entries[name].name
        share = math.prod(self.shape(name)) / max(math.prod(self._source.shape(stored)), 1)
        return round(self._source.num_bytes(stored) * share)


class TheirTensors(TensorSource):
    """Our tensors under a file's names, laid out as it keeps them.

    Args:
        dialect: the names.
        tensors: our tensors.
        config: the model.
    """

    def __init__(self, dialect: Dialect, tensors: Mapping[str, Tensor], config: TransformerConfig) -> None:
        sources: dict[str, list[tuple[str, Location]]] = {}
        for name in tensors:
            place = dialect.place(name)
            theirs = place.name.removeprefix(dialect.prefix) if config.head is None else place.name
            sources.setdefault(theirs, []).append((name, place))
            if place.also is not None:
                sources[place.also] = [(name, place)]
        super().__init__(sources)
        self._tensors, self._config = tensors, config

    def __getitem__(self, name: str) -> Tensor:
        parts = [(place.layout, self._tensors[ours].detach()) for ours, place in self._entries[name]]
        return to_theirs(parts, _widths(self._config, self._entries[name][0][0])).contiguous()

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor as the file keeps it."""
        parts = [(place.layout, self._tensors[ours].detach().to("meta")) for ours, place in self._entries[name]]
        return tuple(to_theirs(parts, _widths(self._config, self._entries[name][0][0])).shape)

    def sources(self, name: str) -> list[str]:
        """Our names of the parameters that a tensor is made of."""
        return [ours for ours, _ in self._entries[name]]

    def storage(self, name: str) -> str:
        """Its dtype."""
        return str(self._tensors[self._entries[name][0][0]].dtype).removeprefix("torch.")

    def num_bytes(self, name: str) -> int:
        """Bytes it takes in memory."""
        return sum(self._tensors[ours].nbytes for ours, _ in self._entries[name])


def _widths(config: TransformerConfig, name: str) -> Widths:
    """Widths of the layer that one of our tensors is of; of the first, if it is of none."""
    block = re.match(r"(blocks|encoder)\.(\d+)\.", name)
    stack = config.encoder_layers if block is not None and block[1] == "encoder" else config.layers
    return Widths.of(stack[0 if block is None else int(block[2])])


def find_places(dialect: Dialect, parameters: Iterable[str], source: TensorSource, path: Path) -> dict[str, Location]:
    """Where the file keeps each of our parameters; every tensor of the file must be accounted for.

    Raises:
        CheckpointError: a tensor is missing, or one is there that the model has no use for.
    """
    bare = not any(name.startswith(dialect.prefix) for name in source)
    places = {parameter: dialect.place(parameter) for parameter in parameters}
    if bare:
        places = {ours: replace(place, name=place.name.removeprefix(dialect.prefix)) for ours, place in places.items()}
    wanted = {place.name for place in places.values()}
    twins = _bare(dialect) if bare else dialect.twins
    alone = {ours: [twin for twin in twins if twins[twin] == ours and twin not in wanted] for ours in twins.values()}
    missing, kept = [], {}
    for parameter, place in places.items():
        spellings = _spellings(place, dialect.other_place(parameter), alone)
        found = next((spelling for spelling in spellings if spelling.name in source), None)
        if found is None:
            missing.append(place.name)
        else:
            places[parameter], kept[place.name] = found, found.name
    if missing:
        raise CheckpointError(
            explain(f"reading {path}", expected=f"tensors {first_of(missing)}", got="none of that name")
        )
    used = {name for place in places.values() for name in (place.name, place.also)}
    unused = [name for name in source if name not in used and not re.fullmatch(dialect.leftovers, name)]
    unexpected = [name for name in unused if not _is_copy(name, kept.get(twins.get(name, "")), source)]
    if unexpected:
        got = f"{first_of(unexpected)}, which a {dialect.family} model of this config does not have"
        raise CheckpointError(explain(f"reading {path}", expected="only tensors of the model", got=got))
    return places


def _bare(dialect: Dialect) -> dict[str, str]:
    """The twins of a file that leaves off the prefix."""
    prefix = dialect.prefix
    return {twin.removeprefix(prefix): ours.removeprefix(prefix) for twin, ours in dialect.twins.items()}


def _spellings(place: Location, other: Location | None, alone: Mapping[str, Sequence[str]]) -> Iterator[Location]:
    """Where files hold a tensor, the usual place first."""
    yield place
    names = () if place.also is None else (place.also,)
    yield from (replace(place, name=name) for name in (*names, *alone.get(place.name, ())))
    if other is not None:
        yield other
    for ending, old in _OLD_ENDINGS.items():
        if place.name.endswith(ending):
            yield replace(place, name=place.name.removesuffix(ending) + old)


def _is_copy(name: str, twin: str | None, source: TensorSource) -> bool:
    """Whether the tensor is an equal twin of another, such as a tied head that is stored all the same."""
    if twin is None or (shape := source.shape(name)) != source.shape(twin):
        return False
    if len(shape) != 2:
        return torch.equal(source[name], source[twin])
    pair = (ByBlocks(shape, functools.partial(source.part, tensor)) for tensor in (name, twin))
    return all(itertools.starmap(torch.equal, zip(*map(row_blocks, pair))))


def first_of(names: list[str]) -> str:
    """A few of many names, for a message."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
