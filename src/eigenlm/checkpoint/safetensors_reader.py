"""Tensors of a safetensors file, or of several under one index."""

import functools
import math
import sys
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, explain
from eigenlm.files import read_json, regular
from eigenlm.machine.memory import check_mapping

INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}


class SafetensorsFiles(TensorSource):
    """Tensors of one or more safetensors files, memory-mapped.

    Raises:
        CheckpointError: a file is missing, truncated, or two files hold one name.
    """

    def __init__(self, paths: list[Path]) -> None:
        file_of: dict[str, Any] = {}
        for path in paths:
            opened = _opened(path)
            for name in opened.keys():  # noqa: SIM118 (safe_open is no mapping)
                if name in file_of:
                    raise CheckpointError(explain(f"reading {path}", expected="new names", got=f"{name!r} again"))
                file_of[name] = opened
        super().__init__(file_of)

    def __getitem__(self, name: str) -> Tensor:
        # A copy, because safetensors hands out views of the mapped file, which another program may truncate.
        return self._entries[name].get_tensor(name).clone()

    def rows(self, name: str, where: slice) -> Tensor:
        """Some slices along the first dimension of a tensor, without the others."""
        return self._entries[name].get_tensor(name)[where].clone()

    def reads_rows(self, name: str) -> bool:
        """Always."""
        return True

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor."""
        return tuple(self._entries[name].get_slice(name).get_shape())

    def storage(self, name: str) -> str:
        """Its type as safetensors spells it: `F32`, `F16`, `BF16`, ..."""
        return str(self._entries[name].get_slice(name).get_dtype())

    def num_bytes(self, name: str) -> int:
        """Bytes it takes in the file."""
        bits = int("".join(filter(str.isdigit, self.storage(name).split("_")[0])) or 8)
        return math.prod(self.shape(name)) * bits // 8


def open_safetensors(folder: Path) -> SafetensorsFiles:
    """The tensors of a model folder: of `model.safetensors`, as transformers reads them, else of an index's shards.

    Where both are there, standard error tells which was read. A lone file of another name is read as well.

    Raises:
        CheckpointError: no safetensors file is there, several of which none is named so, or a shard is missing or
            damaged.
    """
    index, single, found = folder / INDEX_NAME, folder / SINGLE_NAME, sorted(folder.glob("*.safetensors"))
    if single.exists() and index.exists():
        _tell_once(f"eigenlm: {folder} holds {SINGLE_NAME} and {INDEX_NAME}; the first is read")
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
def _tell_once(line: str) -> None:
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


def _opened(path: Path) -> Any:
    try:
        check_mapping(regular(path), times=2)  # by the library, and by torch
        return safe_open(path, framework="pt")
    except (OSError, SafetensorError) as error:
        got = "no such file" if isinstance(error, FileNotFoundError) else f"a damaged one ({error})"
        raise CheckpointError(explain(f"reading {path}", expected="a safetensors file", got=got)) from error
