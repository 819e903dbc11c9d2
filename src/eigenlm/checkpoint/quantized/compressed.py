"""The storages of compressed-tensors, which vLLM's llm-compressor writes."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from eigenlm.checkpoint.quantized.fp8 import Fp8
from eigenlm.checkpoint.quantized.method import Method, Shapes, Tensors, by_group, unpacked
from eigenlm.checkpoint.quantized.mxfp4 import BIAS, VALUES

# Beside a matrix: scales of what goes in and out where that is rounded too, and of the cache of keys and values.
_OF_ACTIVATIONS = tuple(f".{way}_{what}" for way in ("input", "output") for what in ("scale", "zero_point"))
_OF_ACTIVATIONS += (".input_global_scale",)
_OF_A_CACHE = tuple(f".{state}_{what}" for state in "qkv" for what in ("scale", "zero_point"))


class OneCode(Fp8):
    """W = scale * (code - zero), each code a number of 8 bits of its own, whole or with a point.

    A scale is of the matrix, a row, a group of a row's columns, or a block. Source: compressed-tensors 0.20, formats
    `int-quantized`, `float-quantized` and `naive-quantized`.
    """

    kind = "compressed"
    marks = (".weight_scale",)
    others = (".weight_zero_point", *_OF_ACTIVATIONS)
    ignored = _OF_A_CACHE

    def dense(self, parts: Tensors) -> Tensor:
        """Codes less zeros, times scales."""
        codes, zero = parts[self.codes].float(), parts.get(".weight_zero_point")
        if zero is not None:
            codes = codes - self.spread(zero, codes.shape)
        return codes * self.spread(parts[".weight_scale"], codes.shape)

    def block(self, codes: torch.Size, grid: torch.Size) -> tuple[int, int]:
        """Rows and columns of a block, as the settings say where one does, or as the numbers of scales do."""
        said = [size for size in _said(self.settings, "block_structure") if -(-codes[0] // size[0]) == grid[0]]
        return (said[0][0], said[0][1]) if said and grid[0] != codes[0] else super().block(codes, grid)


class Packed(Method):
    """Codes one after the other in 32-bit words, or 4-bit floats two a byte, with a scale a group of inputs.

    Whole numbers of b bits are packed with 2^(b-1) added, zeros likewise and along the outputs, if there is more than
    one: W = scale (code - zero). A 4-bit float's scale is divided by that of the matrix (NVFP4) or a power of two
    (MXFP4). Source: compressed-tensors 0.20, formats `pack-quantized`, `nvfp4-pack-quantized` and
    `mxfp4-pack-quantized`.
    """

    kind = "compressed"
    codes = ".weight_packed"
    marks = (".weight_scale",)
    others = (
        *(".weight_shape", ".weight_zero_point", ".weight_g_idx", ".weight_global_scale"),
        *_OF_ACTIVATIONS,
    )
    ignored = _OF_A_CACHE

    def shape(self, shapes: Shapes, small: Mapping) -> tuple[int, ...]:
        """As written beside the codes; of 4-bit floats, two a byte."""
        if ".weight_shape" in small:
            return tuple(small[".weight_shape"].tolist())
        rows, columns = shapes[self.codes]
        return rows, 2 * columns

    def dense(self, parts: Tensors) -> Tensor:
        """Codes less zeros, times scales."""
        packed, scale = parts[self.codes], parts[".weight_scale"]
        if packed.dtype == torch.uint8:
            codes = VALUES[torch.stack([packed & 15, packed >> 4], dim=-1).int().flatten(-2)]
            whole = parts.get(".weight_global_scale", torch.ones(1))
            powers = scale.dtype == torch.uint8
            scale = torch.ldexp(torch.ones(scale.shape), scale.int() - BIAS) if powers else scale.float() / whole
            return codes * self._of_groups(scale, codes.shape[1], parts)
        rows, columns = parts[".weight_shape"].tolist()
        bits = self._bits(columns, packed.shape[1])
        codes, zeros = unpacked(packed, bits)[:, :columns], parts.get(".weight_zero_point", torch.zeros(1))
        if zeros.dtype == torch.int32:
            zeros = unpacked(zeros.mT, bits)[:, :rows].mT - 2 ** (bits - 1)
        codes = codes - 2 ** (bits - 1) - self._of_groups(zeros, columns, parts)
        return codes.float() * self._of_groups(scale.float(), columns, parts)

    def _of_groups(self, values: Tensor, columns: int, parts: Tensors) -> Tensor:
        """A value for each input of each row, from one for each group, or for the whole row or matrix."""
        if values.numel() == 1 or values.shape[1] == 1:
            return values
        place = parts.get(".weight_g_idx", torch.tensor([-1]))
        if (place < 0).any():
            if columns % values.shape[1]:
                raise self.refuse(f"groups that divide {columns} inputs", values.shape[1])
            place = torch.arange(columns) // (columns // values.shape[1])
        return by_group(values.mT, place).mT

    def _bits(self, columns: int, words: int) -> int:
        said = {int(bits) for bits in _said(self.settings, "num_bits")}
        fit = [bits for bits in said if 1 <= bits <= 8 and -(-columns * bits // 32) == words]
        if len(fit) != 1:
            raise self.refuse(f"{columns} inputs of one of {sorted(said)} bits in {words} words", "another packing")
        return fit[0]


def _said(settings: Mapping[str, Any], key: str) -> list[Any]:
    """A setting of the weights in each of the groups of layers, where it has one."""
    groups = (settings.get("config_groups") or {}).values()
    return [group["weights"][key] for group in groups if (group.get("weights") or {}).get(key)]
