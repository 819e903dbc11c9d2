"""A twin of a transformer whose matrices lie in the layout that a CPU reads fastest."""

import copy
import weakref

import psutil
import torch
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.model import DenseLinear, Transformer
from eigenlm.model.head import Head

_Stamp = tuple[tuple[int, int], ...]
_twins: weakref.WeakKeyDictionary[Transformer, tuple[_Stamp, Transformer]] = weakref.WeakKeyDictionary()


class PackedLinear(nn.Module):
    """y = W x + b by oneDNN, with W in its blocked layout: at one row 1.3-2.6 times the speed of `F.linear`."""

    def __init__(self, weight: Float[Tensor, "out in"], bias: Float[Tensor, " out"] | None) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), 1)
        self.bias = None if bias is None else bias.detach()

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Apply the matrix; no gradients."""
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")


class PackedHead(nn.Module):
    """A head whose logits come from a packed matrix."""

    def __init__(self, head: Head, embedding: Float[Tensor, "V D"]) -> None:
        super().__init__()
        self.before = head.before
        self.logits = PackedLinear(embedding if head.weight is None else head.weight, head.bias)

    def forward(self, hidden: Float[Tensor, "B T D"], embedding: Float[Tensor, "V D"]) -> Float[Tensor, "B T V"]:
        """Logits of each place."""
        return self.logits(self.before(hidden))


def packed(model: Transformer) -> Transformer:
    """The model's twin for fast running on a CPU, or the model itself where packing does not serve.

    The twin shares everything but its matrices, which take as much memory again; it is kept until a weight of
    the model changes. It does not serve on other devices, without oneDNN, where memory for the copies is short, or
    for a model made in inference mode, whose changes cannot be seen.
    """
    if any(parameter.is_inference() for parameter in model.parameters()):
        return model
    stamp = tuple((parameter.data_ptr(), parameter._version) for parameter in model.parameters())
    if model in _twins and _twins[model][0] == stamp:
        return _twins[model][1]
    if not _serves(model):
        return model
    twin = _twin(model, model.embedding.token.weight)
    assert isinstance(twin, Transformer)
    _twins[model] = (stamp, twin)
    return twin


def _serves(model: Transformer) -> bool:
    weight = model.embedding.token.weight
    size = sum(parameter.nbytes for parameter in model.parameters())
    return (
        weight.device.type == "cpu"
        and weight.dtype in (torch.float32, torch.bfloat16)
        and torch.backends.mkldnn.is_available()
        and size < psutil.virtual_memory().available // 2
    )


def _twin(module: nn.Module, embedding: Tensor) -> nn.Module:
    if isinstance(module, DenseLinear):
        return PackedLinear(module.weight, module.bias)
    if isinstance(module, Head):
        return PackedHead(module, embedding)
    twin = copy.copy(module)
    twin._modules = {
        name: child if child is None else _twin(child, embedding) for name, child in module._modules.items()
    }
    return twin
