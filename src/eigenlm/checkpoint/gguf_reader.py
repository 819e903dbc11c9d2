"""Tensors and metadata of a GGUF file."""

from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from torch import Tensor

from eigenlm.checkpoint.gguf_header import read_header
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, EigenError, explain
from eigenlm.files import regular
from eigenlm.machine.memory import check_mapping

_NUMBERS_AT_ONCE = 1 << 17  # what the decoder makes on its way then stays in the processor's cache


class GGUFFile(TensorSource):
    """A memory-mapped GGUF file; tensors come as float32, with the values that the `gguf` package gives.

    Attributes:
        path: of the file.
        metadata: keys to numbers, strings and lists of them.

    Raises:
        CheckpointError: missing, not GGUF, truncated, or with lengths or offsets that lie.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            check_mapping(regular(self.path))
            with self.path.open("rb") as file:
                self._data = mmap(file.fileno(), 0, access=ACCESS_READ)
        except EigenError:
            raise
        except (OSError, ValueError) as error:
            got = getattr(error, "strerror", None) or "an empty file"
            raise CheckpointError(explain(f"reading {path}", expected="a GGUF file", got=got)) from error
        header = read_header(self._data, str(path))
        self.metadata: dict[str, Any] = header.metadata
        super().__init__(header.tensors)

    def __getitem__(self, name: str) -> Tensor:
        return self.rows(name, slice(None))

    def rows(self, name: str, where: slice) -> Tensor:
        """Some slices along the first dimension of a tensor, decoded without the others."""
        place = self._entries[name]
        stored = np.frombuffer(self._data, np.uint8, place.num_bytes, place.start)
        if len(place.shape) == 1:
            return self._decoded(name, stored)[where]
        rows = stored.reshape(place.shape[0], -1)[where]
        return self._decoded(name, rows.reshape(-1)).reshape(-1, *place.shape[1:])

    def reads_rows(self, name: str) -> bool:
        """Always."""
        return True

    def _decoded(self, name: str, stored: np.ndarray) -> Tensor:
        kind = self._entries[name].kind
        block, num_bytes = GGML_QUANT_SIZES[kind]
        numbers = np.empty(len(stored) // num_bytes * block, np.float32)
        at_once = max(1, _NUMBERS_AT_ONCE // block)
        try:
            for start in range(0, len(numbers) // block, at_once):
                blocks = stored[start * num_bytes : (start + at_once) * num_bytes]
                numbers[start * block : (start + at_once) * block] = dequantize(blocks[None], kind)[0]
        except NotImplementedError as error:
            expected = "a type that the gguf package decodes"
            raise CheckpointError(
                explain(f"reading {self.path}", expected=expected, got=f"{name!r} as {kind.name}")
            ) from error
        return torch.from_numpy(numbers)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor, (out, in) for a matrix."""
        return self._entries[name].shape

    def storage(self, name: str) -> str:
        """Its type as GGUF spells it: `F32`, `Q8_0`, `Q4_1`, ..."""
        return self._entries[name].kind.name

    def num_bytes(self, name: str) -> int:
        """Bytes it takes in the file."""
        return self._entries[name].num_bytes
