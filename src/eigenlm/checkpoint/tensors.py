"""Named tensors in files, each read and decoded anew when it is asked for, never all at once."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from eigenlm.linalg.by_blocks import Part
from eigenlm.linear.as_read import ReadBlocks


class TensorSource(Mapping):
    """A mapping from name to tensor that knows sizes and storage without reading any number.

    It is no `Mapping[str, Tensor]` by name, because a check of types would then read tensors.

    Args:
        entries: the names, and what the kind of file needs to find a tensor.
    """

    def __init__(self, entries: Mapping[str, Any]) -> None:
        self._entries = entries

    @abstractmethod
    def __getitem__(self, name: str) -> Tensor:
        """The tensor, read and decoded.

        Raises:
            DataError: it cannot be had.
        """

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries  # Mapping's own would read the tensor

    def part(self, name: str, where: Part) -> Tensor:
        """Some slices along the first dimension of a tensor, or some columns of a matrix."""
        return self[name][where].clone()

    def reads_parts(self, name: str) -> bool:
        """Whether `part` reads no more of a tensor than it gives."""
        return False

    def blocks(self, name: str) -> ReadBlocks | None:
        """What reads a matrix as its rows of bytes; None where it is not stored in blocks of one of ggml's types."""
        return None

    @abstractmethod
    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of a tensor."""

    @abstractmethod
    def storage(self, name: str) -> str:
        """How its numbers are stored: `F32`, `BF16`, `Q4_1`, ..."""

    @abstractmethod
    def num_bytes(self, name: str) -> int:
        """Bytes it takes in the file."""


def storage_summary(tensors: TensorSource) -> dict[str, int]:
    """Bytes in each kind of storage, the largest first."""
    total: dict[str, int] = {}
    for name in tensors:
        total[tensors.storage(name)] = total.get(tensors.storage(name), 0) + tensors.num_bytes(name)
    return dict(sorted(total.items(), key=lambda item: -item[1]))
