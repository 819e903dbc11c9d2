"""The header of a GGUF file: metadata and tensor places, every length checked against the file before it is used.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian).
"""

import math
import struct
from dataclasses import dataclass
from itertools import pairwise
from mmap import mmap
from typing import Any

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGUF_DEFAULT_ALIGNMENT, GGMLQuantizationType, GGUFValueType

from eigenlm.errors import CheckpointError, explain

_MAX_DIMS = 4
_MAX_ARRAY = 1 << 24  # more entries than any vocabulary has; keeps a lying file from filling the memory
_NUMBERS = {
    GGUFValueType.UINT8: "<u1",
    GGUFValueType.INT8: "<i1",
    GGUFValueType.UINT16: "<u2",
    GGUFValueType.INT16: "<i2",
    GGUFValueType.UINT32: "<u4",
    GGUFValueType.INT32: "<i4",
    GGUFValueType.FLOAT32: "<f4",
    GGUFValueType.BOOL: "?",
    GGUFValueType.UINT64: "<u8",
    GGUFValueType.INT64: "<i8",
    GGUFValueType.FLOAT64: "<f8",
}
_U64 = struct.Struct("<Q")


@dataclass(frozen=True)
class TensorPlace:
    """Where a tensor lies.

    Attributes:
        shape: sizes, the fastest last (GGUF writes them the other way round).
        kind: how its numbers are stored.
        start: first byte, counted from the beginning of the file.
        num_bytes: length.
    """

    shape: tuple[int, ...]
    kind: GGMLQuantizationType
    start: int
    num_bytes: int


@dataclass(frozen=True)
class GGUFHeader:
    """What a GGUF file says about itself.

    Attributes:
        metadata: keys to numbers, strings and lists of them.
        tensors: names to places, all inside the file and disjoint.
    """

    metadata: dict[str, Any]
    tensors: dict[str, TensorPlace]


def read_header(data: mmap, name: str) -> GGUFHeader:
    """Parse the header of the mapped file `data`, called `name` in messages.

    Raises:
        CheckpointError: not GGUF, an unread version, or a length or offset that does not fit the file.
    """
    cursor = _Cursor(data, f"reading {name}")
    if cursor.take(4) != b"GGUF":
        raise cursor.refuse("a GGUF file", "other content")
    version = cursor.number(GGUFValueType.UINT32)
    if version not in (2, 3):
        got = f"version {version}" if version & 0xFFFF else "a big-endian file"
        raise cursor.refuse("little-endian GGUF version 2 or 3", got)
    num_tensors, num_entries = cursor.number(GGUFValueType.UINT64), cursor.number(GGUFValueType.UINT64)
    metadata: dict[str, Any] = {}
    for _ in range(cursor.count(num_entries, smallest=13)):
        key = cursor.string()
        if key in metadata:
            raise cursor.refuse("each key once", f"{key!r} twice")
        metadata[key] = cursor.value()
    alignment = metadata.get("general.alignment", GGUF_DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise cursor.refuse("general.alignment a power of two", repr(alignment)[:40])
    places = cursor.tensor_places(num_tensors, alignment)
    return GGUFHeader(metadata, places)


class _Cursor:
    """A place in the file that moves forward only over bytes that are there."""

    def __init__(self, data: mmap, operation: str) -> None:
        self.data, self.end, self.at, self.operation = data, len(data), 0, operation

    def refuse(self, expected: object, got: object) -> CheckpointError:
        return CheckpointError(explain(self.operation, expected=expected, got=got))

    def take(self, length: int) -> bytes:
        if length > self.end - self.at:
            raise self.refuse(f"{length} bytes at {self.at}", f"{self.end - self.at}, a truncated or damaged file")
        self.at += length
        return self.data[self.at - length : self.at]

    def count(self, number: int, smallest: int) -> int:
        """A count of things of at least `smallest` bytes each, believed only if they can all be there."""
        if number * smallest > self.end - self.at:
            raise self.refuse(f"at most {(self.end - self.at) // smallest} entries at {self.at}", number)
        return number

    def number(self, kind: GGUFValueType) -> Any:
        dtype = np.dtype(_NUMBERS[kind])
        return np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()

    def string(self) -> str:
        return self.strings(1)[0]

    def strings(self, number: int) -> list[str]:
        # One flat loop: a vocabulary and its merges are about 100,000 strings.
        data, at, end, length_at, found = self.data, self.at, self.end, _U64.unpack_from, []
        try:
            for _ in range(number):
                start = at + 8
                at = start + length_at(data, at)[0]
                if at > end:
                    raise self.refuse(f"a string within the file at {start - 8}", f"a length of {at - start}")
                found.append(str(data[start:at], "utf-8"))
        except struct.error as error:
            raise self.refuse(f"a string at {at}", "the end, a truncated file") from error
        except UnicodeDecodeError as error:
            raise self.refuse(f"UTF-8 text at {at}", error.reason) from error
        self.at = at
        return found

    def kind(self) -> GGUFValueType:
        number = self.number(GGUFValueType.UINT32)
        if number not in GGUFValueType._value2member_map_:
            raise self.refuse("a GGUF value type", number)
        return GGUFValueType(number)

    def value(self) -> Any:
        kind = self.kind()
        if kind is GGUFValueType.ARRAY:
            return self.array()
        return self.string() if kind is GGUFValueType.STRING else self._shortest(kind, self.number(kind))

    @staticmethod
    def _shortest(kind: GGUFValueType, number: Any) -> Any:
        """1e-05 rather than 9.999999747378752e-06: the shortest decimal that is the same float32."""
        return float(str(np.float32(number))) if kind is GGUFValueType.FLOAT32 else number

    def array(self) -> list[Any]:
        kind, number = self.kind(), self.number(GGUFValueType.UINT64)
        if kind is GGUFValueType.ARRAY:
            raise self.refuse("an array of numbers or strings", "an array of arrays")
        if number > _MAX_ARRAY:
            raise self.refuse(f"an array of at most {_MAX_ARRAY} entries", number)
        if kind is GGUFValueType.STRING:
            return self.strings(self.count(number, smallest=8))
        dtype = np.dtype(_NUMBERS[kind])
        return np.frombuffer(self.take(number * dtype.itemsize), dtype).tolist()

    def tensor_places(self, number: int, alignment: int) -> dict[str, TensorPlace]:
        entries = [self._tensor_entry(alignment) for _ in range(self.count(number, smallest=32))]
        base = -(-self.at // alignment) * alignment
        places: dict[str, TensorPlace] = {}
        for name, shape, kind, offset in entries:
            place = TensorPlace(shape, kind, base + offset, _num_bytes(shape, kind))
            if name in places:
                raise self.refuse("each tensor once", f"{name!r} twice")
            if place.start + place.num_bytes > self.end:
                got = f"bytes {place.start} to {place.start + place.num_bytes} of {self.end}"
                raise self.refuse(f"tensor {name!r} within the file", f"{got}, a truncated or damaged file")
            places[name] = place
        ordered = sorted(places.items(), key=lambda item: item[1].start)
        for (first, place), (second, following) in pairwise(ordered):
            if place.start + place.num_bytes > following.start:
                raise self.refuse("tensors side by side", f"{first!r} and {second!r} in one place")
        return places

    def _tensor_entry(self, alignment: int) -> tuple[str, tuple[int, ...], GGMLQuantizationType, int]:
        name, num_dims = self.string(), self.number(GGUFValueType.UINT32)
        if num_dims > _MAX_DIMS:
            raise self.refuse(f"tensor {name!r} with at most {_MAX_DIMS} dimensions", num_dims)
        shape = tuple(reversed([self.number(GGUFValueType.UINT64) for _ in range(num_dims)]))
        type_id, offset = self.number(GGUFValueType.UINT32), self.number(GGUFValueType.UINT64)
        if type_id not in GGMLQuantizationType._value2member_map_:
            raise self.refuse(f"tensor {name!r} of a known type", f"type {type_id}")
        kind = GGMLQuantizationType(type_id)
        block, _ = GGML_QUANT_SIZES[kind]
        if not shape or min(shape) < 1 or shape[-1] % block:
            raise self.refuse(f"tensor {name!r} of whole {kind.name} blocks", f"sizes {shape}")
        if offset % alignment:
            raise self.refuse(f"tensor {name!r} at a multiple of {alignment}", f"offset {offset}")
        return name, shape, kind, offset


def _num_bytes(shape: tuple[int, ...], kind: GGMLQuantizationType) -> int:
    block, block_bytes = GGML_QUANT_SIZES[kind]
    return math.prod(shape) // block * block_bytes
