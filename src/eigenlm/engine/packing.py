"""A twin of a transformer whose matrices lie in the layout that a CPU reads fastest."""

import copy
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.attention import Place
from eigenlm.attention.rotary import rotate
from eigenlm.linear import LinearMap
from eigenlm.machine.kernels import pack_weight, packed_linear
from eigenlm.model import GatedFeedForward, SelfAttention, Transformer
from eigenlm.model.head import Head
from eigenlm.norms import RMSNorm

# What memory delivers in the time of the extra calls of a thin layer, about 25 microseconds at 40 GB/s: factors that
# save less than this are multiplied out.
_BYTES_A_CALL = 1 << 20


@dataclass(frozen=True)
class _Packed:
    """A twin and the weights it was made from, kept so that no other weight can come to lie at their addresses."""

    twin: Transformer
    weights: list[Tensor]
    versions: list[int]

    def is_of(self, model: Transformer) -> bool:
        parameters = list(model.parameters())
        return [p.data_ptr() for p in parameters] == [w.data_ptr() for w in self.weights] and [
            p._version for p in parameters
        ] == self.versions


_twins: weakref.WeakKeyDictionary[Transformer, _Packed] = weakref.WeakKeyDictionary()


class PackedLinear(nn.Module):
    """y = W x + b by oneDNN, with W in its blocked layout: at one row 1.3-2.6 times the speed of `F.linear`."""

    def __init__(self, weight: Float[Tensor, "out in"], bias: Float[Tensor, " out"] | None) -> None:
        super().__init__()
        self.weight = pack_weight(weight)
        self.bias = None if bias is None else bias.detach()

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Apply the matrix; no gradients."""
        return packed_linear(x, self.weight, self.bias)


class PackedHead(nn.Module):
    """A head whose logits come from a packed matrix."""

    def __init__(self, head: Head, embedding: Float[Tensor, "V D"]) -> None:
        super().__init__()
        self.before, self.after = head.before, head.after
        self.logits = PackedLinear(embedding if head.weight is None else head.weight, head.bias)

    def forward(self, hidden: Float[Tensor, "B T D"], embedding: Float[Tensor, "V D"]) -> Float[Tensor, "B T V"]:
        """Logits of each place."""
        return self.after(self.logits(self.before(hidden)))


class MirroredNorm(nn.Module):
    """RMS norm of x as the first half of the layer norm of (x, -x), whose mean is 0: one kernel instead of seven."""

    def __init__(self, norm: RMSNorm) -> None:
        super().__init__()
        assert norm.eps is not None
        self.width, self.eps = norm.weight.shape[0], norm.eps
        self.weight = norm.factor().detach().repeat(2)

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        """x / sqrt(mean(x^2) + eps) * weight."""
        return F.layer_norm(torch.cat([x, -x], dim=-1), self.weight.shape, self.weight, None, self.eps)[
            ..., : self.width
        ]


class PackedAttention(SelfAttention):
    """Self-attention whose queries, keys and values come from one matrix."""

    def __init__(self, attention: SelfAttention) -> None:
        nn.Module.__init__(self)
        self.head_dim, self.rotary, self.window = attention.head_dim, attention.rotary, attention.window
        self.norms_whole = attention.norms_whole
        parts = (attention.query, attention.key, attention.value)
        self.num_heads = [part.out_features // self.head_dim for part in parts]
        self.query_key_value = PackedLinear(*_stacked(parts))
        self.softmax = attention.softmax
        self.output = pack(attention.output)  # type: ignore[assignment]
        self.query_norm, self.key_norm = (norm and pack(norm) for norm in (attention.query_norm, attention.key_norm))

    def project(
        self, x: Float[Tensor, "B T D"], place: Place
    ) -> tuple[Float[Tensor, "B T H K"], Float[Tensor, "B T G K"], Float[Tensor, "B T G K"]]:
        """Queries, keys and values of x; heads of queries and keys are turned together."""
        H, G, _ = self.num_heads
        query, key, value = self.query_key_value(x).split([n * self.head_dim for n in self.num_heads], dim=-1)
        q_BTHK, k_BTGK, v_BTGK = (
            self._heads(query, self.query_norm),
            self._heads(key, self.key_norm),
            self._heads(value),
        )
        if self.rotary is None:
            return q_BTHK, k_BTGK, v_BTGK
        turn = place.rotation(self.rotary, self.head_dim, q_BTHK.dtype)
        q_BTHK, k_BTGK = rotate(torch.cat([q_BTHK, k_BTGK], dim=2), turn).split([H, G], dim=2)
        return q_BTHK, k_BTGK, v_BTGK


class PackedGatedFeedForward(nn.Module):
    """A gated feed-forward layer whose two inner branches come from one matrix."""

    def __init__(self, feed_forward: GatedFeedForward) -> None:
        super().__init__()
        self.gating = feed_forward.gating
        self.gate_up = PackedLinear(*_stacked((feed_forward.gate, feed_forward.up)))
        self.down = pack(feed_forward.down)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """down(act(gate x) * up x)."""
        gate_BTF, up_BTF = self.gate_up(x).chunk(2, dim=-1)
        return self.down(self.gating(gate_BTF, up_BTF))


def packed(model: Transformer) -> Transformer:
    """The model's twin for fast running on a CPU, or the model itself where packing does not serve.

    The twin shares everything but its matrices, which take as much memory again; it is kept until a weight of
    the model changes. It does not serve on other devices, without oneDNN, where memory for the copies is short, or
    for a model made in inference mode, whose changes cannot be seen.
    """
    if any(parameter.is_inference() for parameter in model.parameters()):
        return model
    if model in _twins and _twins[model].is_of(model):
        return _twins[model].twin
    if not _serves(model):
        return model
    with torch.inference_mode(False), torch.no_grad():
        twin = pack(model)
    assert isinstance(twin, Transformer)
    parameters = list(model.parameters())
    _twins[model] = _Packed(twin, [p.data for p in parameters], [p._version for p in parameters])
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


def pack(module: nn.Module) -> nn.Module:
    """A twin that shares all but its matrices: those are packed, and fused where one input meets several."""
    if _runs_dense(module):
        return PackedLinear(*_stacked([module]))
    if isinstance(module, LinearMap):
        return module.packed(PackedLinear)
    if isinstance(module, RMSNorm):
        return MirroredNorm(module)
    if isinstance(module, SelfAttention) and all(map(_runs_dense, (module.query, module.key, module.value))):
        return PackedAttention(module)
    if isinstance(module, GatedFeedForward) and _runs_dense(module.gate) and _runs_dense(module.up):
        return PackedGatedFeedForward(module)
    twin = copy.copy(module)
    twin._modules = {name: child if child is None else pack(child) for name, child in module._modules.items()}
    if isinstance(module, Transformer) and isinstance(module.head, Head):
        twin.head = PackedHead(module.head, module.embedding.token.weight)
    return twin


def _runs_dense(layer: nn.Module | None) -> bool:
    """Whether a layer's matrix is best applied whole: it saves few products or none."""
    if not isinstance(layer, LinearMap):
        return False
    whole = layer.in_features * layer.out_features
    itemsize = next((p.element_size() for p in layer.parameters()), 0)
    return (whole - layer.num_multiplications) * itemsize < _BYTES_A_CALL


def _stacked(layers: Sequence[Any]) -> tuple[Tensor, Tensor | None]:
    weight = torch.cat([layer.dense() for layer in layers])
    return weight, None if layers[0].bias is None else torch.cat([layer.bias for layer in layers])
