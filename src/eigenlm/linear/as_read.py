"""The few bits that a dense matrix was read from, found again as long as it still has the same numbers."""

from collections.abc import Callable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from eigenlm.errors import EigenError
from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.linear.block_codes import block_codes
from eigenlm.linear.blocks import bytes_of_row

ReadBlocks = Callable[[], tuple[UInt8[Tensor, "m bytes"], int]]
"""Gives the rows of a matrix in blocks of one of ggml's types, and the number of the type."""

_read_from = WeakTensorKeyDictionary()


def remember(W: Float[Tensor, "m n"], blocks: ReadBlocks) -> None:
    """Know for as long as a matrix lives what reads the blocks again that it was read from."""
    _read_from[W] = blocks


def few_bits(W: Float[Tensor, "m n"]) -> CodedMatrix | None:
    """The few bits that tell each number of W: those on a plain grid, or those of its file; None where neither do."""
    from eigenlm.linalg.lossless_codes import lossless_codes  # compiles: not for a model that is only read

    return lossless_codes(W.detach()) or _of_file(W)


def _of_file(W: Float[Tensor, "m n"]) -> CodedMatrix | None:
    if W not in _read_from or W.device.type != "cpu":
        return None
    try:
        blocks, block_type = _read_from[W]()
    except (EigenError, OSError):
        return None
    if blocks.shape != (len(W), bytes_of_row(W.shape[1], block_type)):
        return None
    codes = block_codes(blocks, W.shape[1], block_type, W.dtype)
    return codes if codes is not None and torch.equal(codes.dense(), W) else None
