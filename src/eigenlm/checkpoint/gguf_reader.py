"""Tensors and metadata of a GGUF file."""

import math
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from torch import Tensor

from eigenlm.checkpoint.byte_file import ByteFile
from eigenlm.checkpoint.gguf_header import read_header
from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, EigenError, explain
from eigenlm.linalg.by_blocks import Part
from eigenlm.linear.as_read import ReadBlocks
from eigenlm.machine.memory import check_mapping

_NUMBERS_AT_ONCE = 1 << 17  # what the decoder makes on its way then stays in the processor's cache


class GGUFFile(TensorSource):
    """A GGUF file; tensors come as float32, with the values that the `gguf` package gives.

    Attributes:
        path: of the file.
        metadata: keys to numbers, strings and lists of them.

    Raises:
        CheckpointError: missing, not GGUF, truncated, or with lengths or offsets that lie.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._file = ByteFile(self.path)
            check_mapping(self.path)
            with self.path.open("rb") as file:
                data = mmap(file.fileno(), 0, access=ACCESS_READ)
        except EigenError:
            raise
        except (OSError, ValueError) as error:
            got = getattr(error, "strerror", None) or "an empty file"
            raise CheckpointError(explain(f"reading {path}", expected="a GGUF file", got=got)) from error
        with data:
            header = read_header(data, str(path))
        self.metadata: dict[str, Any] = header.metadata
        super().__init__(header.tensors)

    def __getitem__(self, name: str) -> Tensor:
        return self.part(name, slice(None))

    def part(self, name: str, where: Part) -> Tensor:
        """Some slices along the first dimension of a tensor, or columns of a matrix, decoded without the others."""
        place = self._entries[name]
        count, *inner = place.shape
        if not inner:  # the numbers of a vector share blocks
            return self._decoded(name, self._file.rows(place.start, (1, place.num_bytes), slice(None)))[where]
        rows, columns = where if isinstance(where, tuple) else (where, slice(None))
        first, last, _ = columns.indices(math.prod(inner))
        block, size = GGML_QUANT_SIZES[place.kind]
        blocks = slice(first // block * size, -(-last // block) * size)
        stored = self._file.rows(place.start, (count, place.num_bytes // count), rows, blocks)
        numbers = self._decoded(name, stored).reshape(len(stored), stored.shape[1] // size * block)
        numbers = numbers[:, first % block :][:, : last - first]
        return numbers if isinstance(where, tuple) else numbers.reshape(len(stored), *inner)

    def blocks(self, name: str) -> ReadBlocks | None:
        """What reads the rows of a matrix whose numbers are of few bits."""
        place = self._entries[name]
        if len(place.shape) != 2 or not place.shape[0] or GGML_QUANT_SIZES[place.kind][0] == 1:
            return None
        sizes = (place.shape[0], place.num_bytes // place.shape[0])
        return lambda: (self._file.rows(place.start, sizes, slice(None)), int(place.kind))

    def reads_parts(self, name: str) -> bool:
        """Always."""
        return True

    def _decoded(self, name: str, content: Tensor) -> Tensor:
        kind = self._entries[name].kind
        block, num_bytes = GGML_QUANT_SIZES[kind]
        stored = content.numpy().reshape(-1)
        numbers = np.empty(len(stored) // num_bytes * block, np.float32)
        at_once = max(1, _NUMBERS_AT_ONCE // block)
        try:
            with np.errstate(all="ignore"):  # numbers that are not finite are found and told where they matter
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
