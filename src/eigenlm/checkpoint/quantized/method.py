"""How other programs store a matrix in few bits, and the matrix itself."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from eigenlm.checkpoint.tensors import TensorSource
from eigenlm.errors import CheckpointError, explain
from eigenlm.linalg.by_blocks import Part

Shapes = Mapping[str, tuple[int, ...]]
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Method(ABC):
    """One way of storing; `quantization_config` says which.

    Attributes:
        settings: `quantization_config` of the model's config.json.
        kind: what the storage is called.
        codes: how the name of the tensor that holds the codes ends.
        marks: endings of tensors of which one has to be beside the codes.
        others: endings of tensors that may be.
        ignored: endings of tensors that say nothing of a matrix.
        gives: how the matrix's own name ends.
        stacked: whether slices of the codes along their first dimension are matrices of their own.
    """

    settings: Mapping[str, Any]

    kind: ClassVar[str]
    codes: ClassVar[str]
    marks: ClassVar[tuple[str, ...]]
    others: ClassVar[tuple[str, ...]] = ()
    ignored: ClassVar[tuple[str, ...]] = ()
    gives: ClassVar[str] = ".weight"
    stacked: ClassVar[bool] = False

    @abstractmethod
    def shape(self, shapes: Shapes, small: Mapping) -> tuple[int, ...]:
        """Sizes of the matrix, from those of its parts; `small` gives a part itself, where a size is written in it."""

    @abstractmethod
    def dense(self, parts: Tensors) -> Tensor:
        """The matrix in float32, from its parts by their endings."""

    def refuse(self, expected: str, got: object) -> CheckpointError:
        """The error for settings that are not read."""
        return CheckpointError(explain(f"reading {self.kind} weights", expected=expected, got=got))


class Dequantized(TensorSource):
    """The tensors of a quantized model: each matrix that is stored in codes as the numbers that they stand for.

    Scales and zeros are parts of matrices and no tensors of their own. What is not in codes is as it is.

    Args:
        source: the files.
        methods: how some of them may be stored.
    """

    def __init__(self, source: TensorSource, *methods: Method) -> None:
        self._source = source
        entries: dict[str, Any] = {}
        ignored = tuple(ending for method in methods for ending in method.ignored)
        taken = {name for name in source if name.endswith(ignored)}
        for name in source:
            for method in methods:
                stem = name.removesuffix(method.codes)
                if name.endswith(method.codes) and any(stem + mark in source for mark in method.marks):
                    endings = (method.codes, *method.marks, *method.others)
                    parts = {ending: stem + ending for ending in endings if stem + ending in source}
                    entries[stem + method.gives] = method, parts
                    taken |= set(parts.values())
        super().__init__({**{name: None for name in source if name not in taken}, **entries})

    @property
    def num_decoded(self) -> int:
        """How many matrices are stored in codes."""
        return sum(entry is not None for entry in self._entries.values())

    def __getitem__(self, name: str) -> Tensor:
        W = self._dense(name, self._source.__getitem__)
        if tuple(W.shape) != (sizes := self.shape(name)):
            raise CheckpointError(explain(f"decoding {name}", expected=f"sizes {sizes}", got=tuple(W.shape)))
        return W

    def part(self, name: str, where: Part) -> Tensor:
        """Some slices along the first dimension of a tensor, without decoding the others where they are apart."""
        entry = self._entries[name]
        if entry is None:
            return self._source.part(name, where)
        return self._dense(name, lambda part: self._source.part(part, where)) if entry[0].stacked else self[name][where]

    def reads_parts(self, name: str) -> bool:
        """Whether it is stored as it is, in a file that does."""
        return self._entries[name] is None and self._source.reads_parts(name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of the matrix."""
        if self._entries[name] is None:
            return self._source.shape(name)
        method, parts = self._entries[name]
        shapes = {ending: self._source.shape(part) for ending, part in parts.items()}
        with _fitting(name, method):
            return tuple(torch.Size(method.shape(shapes, _Parts(self._source, parts))))

    def storage(self, name: str) -> str:
        """The method, or how a tensor without codes is stored."""
        return self._source.storage(name) if self._entries[name] is None else self._entries[name][0].kind

    def num_bytes(self, name: str) -> int:
        """Bytes of all parts in the files."""
        parts = [name] if self._entries[name] is None else self._entries[name][1].values()
        return sum(map(self._source.num_bytes, parts))

    def _dense(self, name: str, read: Any) -> Tensor:
        if self._entries[name] is None:
            return read(name)
        method, parts = self._entries[name]
        with _fitting(name, method):
            return method.dense({ending: read(part) for ending, part in parts.items()})


@contextmanager
def _fitting(name: str, method: Method) -> Iterator[None]:
    """Parts that make no matrix, told in one line."""
    try:
        yield
    except (RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        got = f"parts that do not fit: {error}"[:200]
        raise CheckpointError(explain(f"decoding {name}", expected=f"{method.kind} weights", got=got)) from error


class _Parts(Mapping):
    """Parts by their endings, read when asked for."""

    def __init__(self, source: TensorSource, names: Mapping[str, str]) -> None:
        self._source, self._names = source, names

    def __getitem__(self, ending: str) -> Tensor:
        return self._source[self._names[ending]]

    def __iter__(self) -> Any:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def unpacked(words: Tensor, bits: int) -> Tensor:
    """The whole numbers of `bits` bits, at most 8, along the last dimension of 32-bit words, lowest bits first.

    Where the bits do not divide 32, some numbers begin in one word and end in the next.
    """
    starts = torch.arange(0, 32 * words.shape[-1] - bits + 1, bits, device=words.device)
    whole = words.long() & 0xFFFFFFFF
    longer = whole | (F.pad(whole[..., 1:], (0, 1)) & 0xFF) << 32
    return longer[..., starts // 32] >> starts % 32 & 2**bits - 1


def by_group(values: Tensor, group: Tensor) -> Tensor:
    """The row of each group's values for each input."""
    return values.index_select(0, group.long())
