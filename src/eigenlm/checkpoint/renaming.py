"""Tensors of a foreign file under our names, and our tensors under the file's names, one at a time."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from eigenlm.checkpoint.families import Dialect, Place
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, explain

_OLD_ENDINGS = {".weight": ".gamma", ".bias": ".beta"}  # BERT's norms in files of 2018


class OurTensors(TensorSource):
    """A file's tensors under our names, turned the way we keep them.

    Args:
        source: the file.
        places: our names and where the file keeps them.
        head_dim: K, for rows that are stored in pairs.
    """

    def __init__(self, source: TensorSource, places: Mapping[str, Place], head_dim: int) -> None:
        super().__init__(places)
        self._source, self._head_dim = source, head_dim

    def __getitem__(self, name: str) -> Tensor:
        place = self._entries[name]
        tensor = self._source[place.name]
        if place.transposed and tensor.dim() == 2:
            tensor = tensor.mT
        if place.part is not None:
            tensor = tensor.chunk(3)[place.part]
        if place.paired:
            tensor = tensor.unflatten(0, (-1, self._head_dim // 2, 2)).transpose(1, 2).flatten(0, 2)
        return tensor.contiguous()

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor as we keep it."""
        place = self._entries[name]
        shape = self._source.shape(place.name)
        if place.transposed and len(shape) == 2:
            shape = (shape[1], shape[0])
        if place.part is not None and shape and shape[0] % 3 == 0:
            shape = (shape[0] // 3, *shape[1:])
        return shape

    def storage(self, name: str) -> str:
        """How the file stores its numbers."""
        return self._source.storage(self._entries[name].name)

    def num_bytes(self, name: str) -> int:
        """Bytes it takes in the file."""
        place = self._entries[name]
        return self._source.num_bytes(place.name) // (1 if place.part is None else 3)


class TheirTensors(TensorSource):
    """Our tensors under a file's names, turned the way it keeps them.

    Args:
        dialect: the names.
        tensors: our tensors.
        head_dim: K, for rows that are stored in pairs.
        bare: leave the dialect's prefix off, as files without a head do.
    """

    def __init__(self, dialect: Dialect, tensors: Mapping[str, Tensor], head_dim: int, *, bare: bool = False) -> None:
        sources: dict[str, list[tuple[str, Place]]] = {}
        for name in tensors:
            place = dialect.place(name)
            theirs = place.name.removeprefix(dialect.prefix) if bare else place.name
            sources.setdefault(theirs, []).append((name, place))
            if place.also is not None:
                sources[place.also] = [(name, place)]
        super().__init__(sources)
        self._tensors, self._head_dim = tensors, head_dim

    def __getitem__(self, name: str) -> Tensor:
        sources = sorted(self._entries[name], key=lambda source: source[1].part or 0)
        place = sources[0][1]
        parts = [self._tensors[ours].detach() for ours, _ in sources]
        tensor = torch.cat(parts) if len(parts) > 1 else parts[0]
        if place.paired:
            tensor = tensor.unflatten(0, (-1, 2, self._head_dim // 2)).transpose(1, 2).flatten(0, 2)
        if place.transposed and tensor.dim() == 2:
            tensor = tensor.mT
        return tensor.contiguous()

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor as the file keeps it."""
        sources = self._entries[name]
        first = self._tensors[sources[0][0]].shape
        shape = (sum(self._tensors[ours].shape[0] for ours, _ in sources), *first[1:])
        return shape[::-1] if sources[0][1].transposed and len(shape) == 2 else shape

    def storage(self, name: str) -> str:
        """Its dtype."""
        return str(self._tensors[self._entries[name][0][0]].dtype).removeprefix("torch.")

    def num_bytes(self, name: str) -> int:
        """Bytes it takes in memory."""
        return sum(self._tensors[ours].nbytes for ours, _ in self._entries[name])


def find_places(dialect: Dialect, parameters: Iterable[str], source: TensorSource, path: Path) -> dict[str, Place]:
    """Where the file keeps each of our parameters; every tensor of the file must be accounted for.

    Raises:
        CheckpointError: a tensor is missing, or one is there that the model has no use for.
    """
    bare = not any(name.startswith(dialect.prefix) for name in source)
    places = {parameter: dialect.place(parameter) for parameter in parameters}
    if bare:
        places = {ours: replace(place, name=place.name.removeprefix(dialect.prefix)) for ours, place in places.items()}
    wanted = {place.name for place in places.values()}
    alone = {ours: twin for twin, ours in dialect.twins.items() if twin not in wanted}
    missing = []
    for parameter, place in places.items():
        found = next((name for name in _spellings(place, alone) if name in source), None)
        if found is None:
            missing.append(place.name)
        else:
            places[parameter] = replace(place, name=found)
    if missing:
        raise CheckpointError(
            explain(f"reading {path}", expected=f"tensors {first_of(missing)}", got="none of that name")
        )
    used = {name for place in places.values() for name in (place.name, place.also)}
    unused = [name for name in source if name not in used and not re.fullmatch(dialect.leftovers, name)]
    unexpected = [name for name in unused if not _is_copy(name, dialect, source, bare=bare)]
    if unexpected:
        got = f"{first_of(unexpected)}, which a {dialect.family} model of this config does not have"
        raise CheckpointError(explain(f"reading {path}", expected="only tensors of the model", got=got))
    return places


def _spellings(place: Place, alone: Mapping[str, str]) -> Iterator[str]:
    """The names under which files hold a tensor, the usual one first."""
    yield place.name
    if place.also is not None:
        yield place.also
    if place.name in alone:
        yield alone[place.name]
    for ending, old in _OLD_ENDINGS.items():
        if place.name.endswith(ending):
            yield place.name.removesuffix(ending) + old


def _is_copy(name: str, dialect: Dialect, source: TensorSource, *, bare: bool) -> bool:
    """Whether the tensor is an equal twin of another, such as a tied head that is stored all the same."""
    twin = dialect.twins.get(name)
    if twin is None:
        return False
    twin = twin.removeprefix(dialect.prefix) if bare else twin
    return twin in source and torch.equal(source[name], source[twin])


def first_of(names: list[str]) -> str:
    """A few of many names, for a message."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
