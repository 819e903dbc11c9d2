"""4-bit floats with a power of two for each 32 of them: the experts of gpt-oss."""

from collections.abc import Mapping

import torch
from torch import Tensor

from eigenlm.checkpoint.quantized.method import Method, Shapes, Tensors

# E2M1: one bit of sign, two of exponent, one of mantissa (OCP Microscaling Formats 1.0, section 5.3.3).
VALUES = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0])
BIAS = 127


class Mxfp4(Method):
    """W^T = value(codes) * 2^(scale - 127): `X_blocks` (E, out, blocks, 16) and `X_scales` give X (E, in, out)."""

    kind = "MXFP4"
    codes = "_blocks"
    marks = ("_scales",)
    gives = ""
    stacked = True

    def shape(self, shapes: Shapes, small: Mapping) -> tuple[int, ...]:
        """Two numbers a byte, and outputs last."""
        *stack, out, blocks, width = shapes[self.codes]
        return (*stack, 2 * blocks * width, out)

    def dense(self, parts: Tensors) -> Tensor:
        """The low half of each byte comes first."""
        codes = parts[self.codes].int()
        values = VALUES[torch.stack([codes & 15, codes >> 4], dim=-1).flatten(-2)]
        return torch.ldexp(values, parts["_scales"].int()[..., None] - BIAS).flatten(-2).mT
