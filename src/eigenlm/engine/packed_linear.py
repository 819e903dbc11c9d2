"""Fast modules of one matrix: dense in oneDNN's layout, or run from the few bits that it is stored in."""

import math
import time
from collections.abc import Hashable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.linalg.coded_product import CodedProduct, serves
from eigenlm.machine.kernels import pack_weight, packed_linear

_FEW = 8  # rows for which a matrix of few bits is not unpacked
_TURNS = 7  # of both ways to multiply, when they are compared
_APART, _MOST = 1 << 25, 24  # bytes of the matrices, as float32, that are multiplied by turns, and how many at most


class PackedLinear(nn.Module):
    """y = W x + b by oneDNN, with W in its blocked layout: at one row 1.3-2.6 times the speed of `F.linear`."""

    def __init__(self, weight: Float[Tensor, "out in"], bias: Float[Tensor, " out"] | None) -> None:
        super().__init__()
        self.weight = pack_weight(weight)
        self.bias = None if bias is None else bias.detach()

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Apply the matrix; no gradients."""
        return packed_linear(x, self.weight, self.bias)


class CodedLinear(nn.Module):
    """y = W x + b from the codes of W for few rows; for many by W itself, held elsewhere or unpacked and forgotten."""

    def __init__(self, weight: CodedMatrix, bias: Float[Tensor, " out"] | None) -> None:
        super().__init__()
        self.product, self.held = CodedProduct(weight), weight.held
        self.bias = torch.zeros(self.product.num_rows) if bias is None else bias.detach().float().contiguous()

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Apply the matrix; no gradients."""
        rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
        if len(rows) <= _FEW:
            y = self.product(rows, self.bias)
        elif self.held:
            y = torch.cat([F.linear(rows, W) for W in self.held], dim=-1).add_(self.bias)
        else:
            y = torch.addmm(self.bias.to(x.dtype), rows, self.product.transposed(x.dtype))
        return y.view(*x.shape[:-1], self.product.num_rows)


def fast_linear(weight: Tensor | CodedMatrix, bias: Tensor | None) -> nn.Module:
    """The module that applies a matrix fastest to one row; of two as fast, the one that runs from the codes."""
    if isinstance(weight, Tensor):
        return PackedLinear(weight, bias)
    if serves(weight) and weight.dtype in (torch.float32, torch.bfloat16):
        coded = CodedLinear(weight, bias)
        if _codes_are_faster(coded, weight):
            return coded
    return PackedLinear(weight.dense(), bias)


_known: dict[Hashable, bool] = {}  # what was measured in this process


def _codes_are_faster(coded: CodedLinear, weight: CodedMatrix) -> bool:
    """Whether matrices of this size, form and type are, with as many threads; measured once."""
    form = (weight.codes.shape, weight.group, weight.lows is None, coded.product.num_bytes, weight.dtype)
    key = (*form, torch.get_num_threads())
    if key not in _known:
        count = copies_apart(4 * weight.codes.numel())
        ways = [[make() for _ in range(count)] for make in (lambda: CodedLinear(weight, None), lambda: _packed(weight))]
        times = least_seconds(ways, torch.ones(1, weight.codes.shape[1], dtype=weight.dtype))
        _known[key] = times[0] <= times[1]
    return _known[key]


def copies_apart(num_bytes: int) -> int:
    """How many copies of a matrix of so many bytes are more than what lies near the processor, or many."""
    return min(max(1, _APART // max(num_bytes, 1)), _MOST)


def _packed(weight: CodedMatrix) -> PackedLinear:
    return PackedLinear(weight.dense(), None)


def least_seconds(ways: Sequence[Sequence[nn.Module]], x: Tensor) -> list[float]:
    """Of each way to multiply, the least of some turns: what else the machine does can only slow it down.

    Args:
        ways: each as layers that lie apart in memory, so that they are read from there as those of a model are.
        x: what they get.
    """
    seconds = [torch.inf] * len(ways)
    for _ in range(_TURNS):
        for i, layers in enumerate(ways):
            start = time.perf_counter()
            for layer in layers:
                layer(x)
            seconds[i] = min(seconds[i], time.perf_counter() - start)
    return seconds
