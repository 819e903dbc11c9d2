"""8-bit floats with a scale a block, a row or a matrix, as DeepSeek and others store them."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from eigenlm.checkpoint.quantized.method import Method, Shapes, Tensors


class Fp8(Method):
    """W = scale * codes, the scale of each block (`weight_block_size` rows and columns), row or matrix.

    Source: arXiv:2412.19437, section 3.3; the file calls the factor `weight_scale_inv` where blocks have one.
    """

    kind = "FP8"
    codes = ".weight"
    marks: ClassVar[tuple[str, ...]] = (".weight_scale_inv", ".weight_scale")
    others: ClassVar[tuple[str, ...]] = (".input_scale", ".activation_scale")

    def shape(self, shapes: Shapes, small: Mapping) -> tuple[int, ...]:
        """Those of the codes."""
        return shapes[self.codes]

    def dense(self, parts: Tensors) -> Tensor:
        """Codes times scales."""
        codes = parts[self.codes].float()
        return codes * self.spread(next(parts[mark] for mark in self.marks if mark in parts), codes.shape)

    def spread(self, scale: Tensor, codes: torch.Size) -> Tensor:
        """A scale for each code."""
        scale = scale.float()
        if scale.dim() == 2 and scale.shape[1] != 1:
            rows, columns = self.block(codes, scale.shape)
            scale = scale.repeat_interleave(rows, 0).repeat_interleave(columns, 1)
            return scale[: codes[0], : codes[1]]
        return scale[:, None] if scale.dim() == 1 and len(scale) == codes[0] else scale

    def block(self, codes: torch.Size, grid: torch.Size) -> tuple[int, int]:
        """Rows and columns of a block, as the settings say, or as the numbers of blocks do."""
        said = self.settings.get("weight_block_size")
        if said is not None:
            rows, columns = map(int, said)
            if (-(-codes[0] // rows), -(-codes[1] // columns)) != tuple(grid):
                raise self.refuse(f"a scale for each {rows} x {columns} of {tuple(codes)}", f"{tuple(grid)} of them")
            return rows, columns
        return -(-codes[0] // grid[0]), -(-codes[1] // grid[1])
