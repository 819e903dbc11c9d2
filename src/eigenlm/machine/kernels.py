"""Every private operation of torch that eigenlm uses, each with a public one that takes its place where it fails.

Each is tried once, when this file is imported, on a small input: if this torch lacks it, or gives another result than
the public operations, these are used. No other file calls a private operation (tests/test_style.py).
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

EveryOperation = TorchDispatchMode
"""A `with` block whose `__torch_dispatch__` is called for each operation; torch documents it, and hides its module."""

Act = TypeVar("Act", bound=Callable[..., Any])


def working(private: Act, public: Act, example: Callable[[], tuple[Any, ...]]) -> Act:
    """`private`, if on the example it gives what `public` gives, else `public`.

    Args:
        private: the quicker operation.
        public: the same by public operations.
        example: makes arguments for one call.
    """
    try:
        agree = torch.allclose(private(*example()), public(*example()), rtol=1e-4, atol=1e-6)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        agree = False
    return private if agree else public


def _grid(*shape: int) -> Tensor:
    return torch.linspace(-1.0, 1.0, torch.Size(shape).numel()).view(shape)


def _softmax_backward(gradient: Tensor, weights: Tensor) -> Tensor:
    return torch.ops.aten._softmax_backward_data(gradient, weights, -1, weights.dtype)


def _softmax_backward_by_formula(gradient: Tensor, weights: Tensor) -> Tensor:
    return weights * (gradient - (weights * gradient).sum(-1, keepdim=True))


softmax_backward = working(
    _softmax_backward, _softmax_backward_by_formula, lambda: (_grid(3, 4), _grid(3, 4).softmax(-1))
)
"""Gradient of the scores from that of `weights` = softmax(scores), over the last dimension."""


def _pack(weight: Tensor) -> Tensor:
    # The layout for 16 rows is no slower at one row than that for one, and 1.7 times as fast at 8. A matrix of rank 0
    # has thin factors without numbers, of which oneDNN has no layout.
    if not weight.numel():
        return weight.detach()
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach(), 16)


def _packed_linear(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    if not packed.numel():
        return F.linear(x, packed, bias)
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")


_packs = (
    working(
        lambda x, weight, bias: _packed_linear(x, _pack(weight), bias),
        F.linear,
        lambda: (_grid(2, 8), _grid(4, 8), _grid(4)),
    )
    is not F.linear
)
pack_weight: Callable[[Tensor], Tensor] = _pack if _packs else Tensor.detach
"""A matrix (out, in) in oneDNN's blocked layout, for `packed_linear` alone."""
packed_linear: Callable[[Tensor, Tensor, Tensor | None], Tensor] = _packed_linear if _packs else F.linear
"""W x + b of a matrix that `pack_weight` gave, without gradients."""


def _scale_all_(tensors: Sequence[Tensor], factor: Tensor) -> Tensor:
    torch._foreach_mul_(list(tensors), factor)
    return tensors[0]


def _scale_each_(tensors: Sequence[Tensor], factor: Tensor) -> Tensor:
    for tensor in tensors:
        tensor.mul_(factor)
    return tensors[0]


scale_all_ = working(_scale_all_, _scale_each_, lambda: ([_grid(3), _grid(2, 2)], torch.tensor(0.5)))
"""Multiply each tensor by one number, in place; returns the first."""


def _norms_at_once(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(torch._foreach_norm(list(tensors))))


def _norms_of_each(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack([torch.linalg.vector_norm(tensor) for tensor in tensors])


norms = working(_norms_at_once, _norms_of_each, lambda: ([_grid(3), _grid(2, 2)],))
"""The Euclidean norm of each tensor, as one vector."""


def computes_in_bfloat16() -> bool:
    """Whether oneDNN takes bfloat16 on this processor; False where torch does not tell."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for products of bfloat16; False where torch does not tell."""
    tells = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(tell is not None and tell() for tell in tells)


def without_memory() -> AbstractContextManager[Any]:
    """A block in which tensors have a size, a type and a device, but no numbers; real ones where torch cannot do so.

    What is computed later from such a tensor has no numbers either, outside of the block as well.
    """
    try:
        from torch._subclasses.fake_tensor import FakeTensorMode
    except ImportError:
        return nullcontext()
    return FakeTensorMode(allow_non_fake_inputs=True)


def has_numbers(tensor: Tensor) -> bool:
    """Whether a tensor has numbers that may be looked at, as none has that was made `without_memory`."""
    return type(tensor).__name__ != "FakeTensor"


def processor_flash_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and log-sum-exps of torch's kernel, (B, H, T, K) each, for the doctor to try; nothing else uses it."""
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value, attn_mask=mask)
