"""The two storages of bitsandbytes: 4-bit codes of a table, and 8-bit whole numbers."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from eigenlm.checkpoint.quantized.method import Method, Shapes, Tensors

_STATES = (".weight.quant_state.bitsandbytes__nf4", ".weight.quant_state.bitsandbytes__fp4")


class FourBit(Method):
    """W = table(code) * the largest magnitude of its block; that may itself be stored in codes (double quantization).

    Source: arXiv:2305.14314, section 3.
    """

    kind = "NF4"
    codes = ".weight"
    marks = _STATES
    others = (".weight.absmax", ".weight.quant_map", ".weight.nested_absmax", ".weight.nested_quant_map")

    def shape(self, shapes: Shapes, small: Mapping) -> tuple[int, ...]:
        """As the state beside the codes says."""
        return tuple(_state(small)["shape"])

    def dense(self, parts: Tensors) -> Tensor:
        """The high half of each byte comes first."""
        state, codes = _state(parts), parts[self.codes].flatten().int()
        values = parts[".weight.quant_map"].float()[torch.stack([codes >> 4, codes & 15], dim=-1).flatten()]
        largest = parts[".weight.absmax"]
        if ".weight.nested_absmax" in parts:
            outer = _repeated(parts[".weight.nested_absmax"], state["nested_blocksize"], len(largest))
            largest = parts[".weight.nested_quant_map"][largest.int()] * outer + state["nested_offset"]
        size = torch.Size(state["shape"])
        scale = _repeated(largest.float(), state["blocksize"], size.numel())
        return (values[: size.numel()] * scale).view(size)


class EightBit(Method):
    """W = code * largest / 127, `SCB` being the largest magnitude of each row. Source: arXiv:2208.07339."""

    kind = "INT8"
    codes = ".weight"
    marks = (".SCB",)
    others = (".weight_format",)

    def shape(self, shapes: Shapes, small: Tensors) -> tuple[int, ...]:
        """Those of the codes."""
        return shapes[self.codes]

    def dense(self, parts: Tensors) -> Tensor:
        """Codes times scales."""
        return parts[self.codes].float() * (parts[".SCB"].float() / 127)[:, None]


def _repeated(values: Tensor, times: int, count: int) -> Tensor:
    """Each value so many times, `count` in all."""
    if not 0 < times < 2 * count or len(values) > -(-count // times):
        raise ValueError(f"{len(values)} blocks of {times} for {count} numbers")
    return values.repeat_interleave(times)[:count]


def _state(parts: Mapping) -> dict[str, Any]:
    stored = next(parts[mark] for mark in _STATES if mark in parts)
    return json.loads(bytes(stored.tolist()))
