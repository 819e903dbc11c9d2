"""4-bit whole numbers with a scale and a zero a group of inputs, in AWQ's order."""

from collections.abc import Mapping

import torch
from torch import Tensor

from eigenlm.checkpoint.quantized.method import Method, Shapes, Tensors, by_group, unpacked

# Which of eight outputs the first, second, ... four bits of a word hold (AutoAWQ's `gemm`).
_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


class Awq(Method):
    """W_ji = scale_gj (code_ij - zero_gj), g the group of input i: eight codes of outputs in a word (in, out / 8).

    Source: arXiv:2306.00978 and the packing of AutoAWQ.
    """

    kind = "AWQ"
    codes = ".qweight"
    marks = (".scales",)
    others = (".qzeros",)

    def shape(self, shapes: Shapes, small: Mapping) -> tuple[int, ...]:
        """Outputs, of which eight are in a word, and inputs."""
        rows, words = shapes[self.codes]
        return words * 8, rows

    def dense(self, parts: Tensors) -> Tensor:
        """Codes less zeros, times scales."""
        version, bits = self.settings.get("version", "gemm"), self.settings.get("bits", 4)
        if str(version).lower() != "gemm" or bits != 4:
            raise self.refuse("4 bits in the order of gemm", f"{bits} bits in that of {version}")
        place = torch.tensor(_ORDER).argsort()
        words = (unpacked(parts[name], 4).unflatten(1, (-1, 8)) for name in (self.codes, ".qzeros"))
        codes, zeros = (eight[..., place].flatten(1) for eight in words)
        scales = parts[".scales"].float()
        group = torch.arange(len(codes)) // self.settings.get("group_size", len(codes) // len(scales))
        return ((codes - by_group(zeros, group)).float() * by_group(scales, group)).mT
