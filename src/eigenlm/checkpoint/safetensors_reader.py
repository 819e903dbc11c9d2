"""Tensors of a safetensors file, or of several under one index."""

import functools
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from eigenlm.checkpoint.byte_file import ByteFile
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, DataError, explain
from eigenlm.files import read_json
from eigenlm.linalg.by_blocks import Part
from eigenlm.machine.memory import check_mapping

INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "F4": torch.float4_e2m1fn_x2,
    "C64": torch.complex64,
    "BOOL": torch.bool,
    **{f"I{bits}": getattr(torch, f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"U{bits}": getattr(torch, f"uint{bits}") for bits in (8, 16, 32, 64)},
}
PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a tensor lies; `sizes` are those of torch, which counts two 4-bit floats as one."""

    file: ByteFile
    kind: str
    shape: tuple[int, ...]
    sizes: tuple[int, ...]
    start: int
    num_bytes: int


class SafetensorsFiles(TensorSource):
    """Tensors of one or more safetensors files.

    Raises:
        CheckpointError: a file is missing, truncated, or two files hold one name.
    """

    def __init__(self, paths: list[Path]) -> None:
        places: dict[str, Any] = {}
        for path in paths:
            for name, place in _places(path):
                if name in places:
                    raise CheckpointError(explain(f"reading {path}", expected="new names", got=f"{name!r} again"))
                places[name] = place
        super().__init__(places)

    def __getitem__(self, name: str) -> Tensor:
        return self.part(name, slice(None)).reshape(self._entries[name].sizes)

    def part(self, name: str, where: Part) -> Tensor:
        """Some slices along the first dimension of a tensor, or columns of a matrix, without the others."""
        place = self._entries[name]
        if place.kind not in _TYPES:
            raise DataError(explain(f"reading {name}", expected=f"one of {', '.join(_TYPES)}", got=place.kind))
        dtype, (count, *inner) = _TYPES[place.kind], place.sizes or (1,)
        rows, columns = where if isinstance(where, tuple) else (where, slice(None))
        first, last, _ = columns.indices(math.prod(inner))
        columns = slice(first * dtype.itemsize, last * dtype.itemsize)
        stored = place.file.rows(place.start, (count, place.num_bytes // max(count, 1)), rows, columns)
        numbers = stored.reshape(-1).view(dtype).reshape(len(stored), last - first)
        return numbers if isinstance(where, tuple) else numbers.reshape(len(numbers), *inner)

    def reads_parts(self, name: str) -> bool:
        """Always."""
        return True

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor."""
        return self._entries[name].shape

    def storage(self, name: str) -> str:
        """Its type as safetensors spells it: `F32`, `F16`, `BF16`, ..."""
        return self._entries[name].kind

    def num_bytes(self, name: str) -> int:
        """Bytes it takes in the file."""
        return self._entries[name].num_bytes


def open_safetensors(folder: Path) -> SafetensorsFiles:
    """The tensors of a model folder: of `model.safetensors`, as transformers reads them, else of an index's shards.

    Where both are there, standard error tells which was read. A lone file of another name is read as well.

    Raises:
        CheckpointError: no safetensors file is there, several of which none is named so, or a shard is missing or
            damaged.
    """
    index, single, found = folder / INDEX_NAME, folder / SINGLE_NAME, sorted(folder.glob("*.safetensors"))
    if single.exists() and index.exists():
        tell_once(f"eigenlm: {folder} holds {SINGLE_NAME} and {INDEX_NAME}; the first is read")
    if single.exists() or (len(found) == 1 and not index.exists()):
        return SafetensorsFiles([single if single.exists() else found[0]])
    if index.exists():
        return SafetensorsFiles(_shards(index))
    pickles = sorted(path for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise CheckpointError(refuse_pickle(pickles[0]))
    got = ", ".join(path.name for path in found[:3]) or "neither"
    raise CheckpointError(explain(f"reading {folder}", expected=f"{SINGLE_NAME} or {INDEX_NAME}", got=got))


@functools.cache
def tell_once(line: str) -> None:
    """Say something of a model on standard error, however often it is opened."""
    print(line, file=sys.stderr)


def refuse_pickle(path: Path) -> str:
    """The message for a pickle checkpoint, which could run any program when opened."""
    convert = (
        "convert it where you trust it: "
        "python -c \"from transformers import AutoModel; AutoModel.from_pretrained('IN').save_pretrained('OUT')\""
    )
    return explain(f"reading {path}", expected="safetensors or GGUF", got="a pickle, which can run code", do=convert)


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(read_json(index)["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(
            explain(f"reading {index}", expected="JSON with a weight_map", got=type(error).__name__)
        ) from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise CheckpointError(explain(f"reading {index}", expected="names of files beside it", got=repr(name)))
    return [index.parent / name for name in names]


def _places(path: Path) -> Iterator[tuple[str, _Place]]:
    """Names and places of the tensors of a file, as the library that the format comes from accepts them."""
    try:
        file = ByteFile(path)
        check_mapping(path)
        with safe_open(path, framework="pt") as checked:
            names = list(checked.keys())
    except (OSError, SafetensorError) as error:
        got = "no such file" if isinstance(error, FileNotFoundError) else f"a damaged one ({error})"
        raise CheckpointError(explain(f"reading {path}", expected="a safetensors file", got=got)) from error
    length = int.from_bytes(file.rows(0, (1, 8), slice(None)).numpy().tobytes(), "little")
    header = json.loads(file.rows(8, (1, length), slice(None)).numpy().tobytes())
    for name in names:
        told = header[name]
        shape, (first, last) = tuple(told["shape"]), told["data_offsets"]
        sizes = (*shape[:-1], shape[-1] // 2) if told["dtype"] == "F4" else shape
        start, num_bytes = 8 + length + first, last - first
        yield name, _Place(file=file, kind=told["dtype"], shape=shape, sizes=sizes, start=start, num_bytes=num_bytes)
