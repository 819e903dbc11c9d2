"""Whole numbers with a scale and a zero a group of inputs, as GPTQ's programs pack them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from eigenlm.checkpoint.quantized.method import Method, Shapes, Tensors, by_group, unpacked


class Gptq(Method):
    """W_ji = scale_gj (code_ij - zero_gj), g the group of input i: codes of inputs in words one below the other.

    Eight 4-bit codes are in a word (in / 8, out), and 32 of 3 bits in three words. Zeros are stored less 1, but in
    `gptq_v2`. Source: arXiv:2210.17323 and the packing of AutoGPTQ.
    """

    kind = "GPTQ"
    codes = ".qweight"
    marks = (".scales",)
    others = (".qzeros", ".g_idx")

    def shape(self, shapes: Shapes, small: Mapping) -> tuple[int, ...]:
        """Outputs, and inputs of which several are in a word."""
        words, out = shapes[self.codes]
        return out, words * 32 // self._bits

    def dense(self, parts: Tensors) -> Tensor:
        """Codes less zeros, times scales."""
        bits, scales = self._bits, parts[".scales"].float()
        codes = unpacked(parts[self.codes].mT, bits).mT
        offset = 0 if self.settings.get("checkpoint_format") == "gptq_v2" else 1
        zeros = unpacked(parts[".qzeros"], bits) + offset
        group = parts.get(".g_idx")
        if group is None:
            size = self.settings.get("group_size", -1)
            group = torch.arange(len(codes)) // (size if size > 0 else len(codes))
        return ((codes - by_group(zeros, group)).float() * by_group(scales, group)).mT

    @property
    def _bits(self) -> int:
        bits = self.settings.get("bits", 4)
        if bits not in (2, 3, 4, 8):
            raise self.refuse("bits of 2, 3, 4 or 8", bits)
        return int(bits)
