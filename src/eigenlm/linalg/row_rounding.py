"""A matrix rounded to whole numbers, each row with a step of its own."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int8, UInt8
from torch import Tensor

_ZERO = 8  # added to a code of 4 bits, so that 1 ... 15 are stored, and 0 says that no number is there


@dataclass(frozen=True)
class RoundedRows:
    """W_ij ~ s_i Q_ij.

    Attributes:
        codes: Q (m, n), whole numbers of few bits.
        steps: s (m), the size of a step in each row.
        bits: of a code.
    """

    codes: Int8[Tensor, "m n"]
    steps: Float[Tensor, " m"]
    bits: int

    @property
    def num_bytes(self) -> int:
        """Whole bytes that a row's codes take, where two of 4 bits share one, and 4 for its step."""
        m, n = self.codes.shape
        return m * (-(-n * self.bits // 8) + 4)

    def dense(self) -> Float[Tensor, "m n"]:
        """The matrix that the codes stand for, each number within half a step of the one that was rounded."""
        return self.codes.to(self.steps.dtype) * self.steps[:, None]


def round_rows(W: Float[Tensor, "m n"], bits: int) -> RoundedRows:
    """Round each number to the nearest step of its row, s_i = max_j |W_ij| / q with codes from -q to q = 2^(b-1) - 1.

    Args:
        W: (m, n), finite.
        bits: b, of a code: 2 to 8.

    >>> round_rows(torch.tensor([[0.5, -7.0, 3.0]]), 4).codes.tolist()
    [[0, -7, 3]]
    """
    largest_code = (1 << (bits - 1)) - 1
    largest = W.abs().amax(dim=1) if W.shape[1] else W.new_zeros(len(W))
    steps = torch.where(largest > 0, largest / largest_code, 1.0)
    codes = (W / steps[:, None]).round().clamp(-largest_code, largest_code)
    return RoundedRows(codes.to(torch.int8), steps, bits)


def packed_halves(codes: Int8[Tensor, "m n"]) -> UInt8[Tensor, "m half"]:
    """Codes from -7 to 7 two to a byte, the first in its lower half.

    >>> packed_halves(torch.tensor([[-7, 7, 0]], dtype=torch.int8)).tolist()
    [[241, 8]]
    """
    halves = (codes + _ZERO).to(torch.uint8)
    if halves.shape[1] % 2:
        halves = torch.nn.functional.pad(halves, (0, 1))
    return halves[:, ::2] | halves[:, 1::2] << 4


def unpacked_halves(packed: UInt8[Tensor, "m half"]) -> Int8[Tensor, "m n"]:
    """The codes that `packed_halves` was given."""
    halves = torch.stack([packed & 15, packed >> 4], dim=-1).flatten(1)
    n = halves.shape[1] - int(len(halves) > 0 and not halves[0, -1])
    return halves[:, :n].to(torch.int8) - _ZERO
