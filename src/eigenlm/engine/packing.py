"""A twin of a transformer whose matrices lie in the layout that a CPU reads fastest."""

import copy
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from eigenlm.attention import Place
from eigenlm.attention.rotary import rotate
from eigenlm.engine.packed_linear import fast_linear
from eigenlm.engine.room import scored_bytes
from eigenlm.linalg.coded_matrix import CodedMatrix, stacked
from eigenlm.linear import LinearMap
from eigenlm.linear.as_read import few_bits
from eigenlm.machine.memory import free_memory
from eigenlm.model import GatedFeedForward, SelfAttention, Transformer
from eigenlm.model.embedding import Embedding, TokenTable
from eigenlm.model.head import Head
from eigenlm.norms import OffsetRMSNorm, RMSNorm

# What memory delivers in the time of the extra calls of a thin layer, about 25 microseconds at 40 GB/s: factors that
# save less than this are multiplied out.
_BYTES_A_CALL = 1 << 20


class PackedHead(nn.Module):
    """A head whose logits come from a packed matrix."""

    def __init__(self, head: Head, table: TokenTable | LinearMap) -> None:
        super().__init__()
        self.before, self.after = head.before, head.after
        if head.weight is None:
            self.logits = fast_linear(table.coded() or table.dense(), head.bias)
        else:
            self.logits = fast_linear(few_bits(head.weight) or head.weight, head.bias)

    def forward(self, hidden: Float[Tensor, "B T D"], table: TokenTable | LinearMap) -> Float[Tensor, "B T V"]:
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
        self.query_key_value = fast_linear(*_stacked(parts))
        self.softmax = attention.softmax
        self.output = pack(attention.output)
        self.query_norm, self.key_norm = (norm and pack(norm) for norm in (attention.query_norm, attention.key_norm))

    def project(
        self, x: Float[Tensor, "B T D"], place: Place
    ) -> tuple[Float[Tensor, "B T H K"], Float[Tensor, "B T G K"], Float[Tensor, "B T G K"]]:
        """Queries, keys and values of x; heads of queries and keys are turned together."""
        H, G, _ = self.num_heads
        turning_BTEK, v_BTGK = self._heads(self.query_key_value(x)).split([H + G, G], dim=2)
        if self.query_norm is not None or self.key_norm is not None:
            query, key = (heads.flatten(2) for heads in turning_BTEK.split([H, G], dim=2))
            both = (self._heads(query, self.query_norm), self._heads(key, self.key_norm))
            turning_BTEK = torch.cat(both, dim=2)
        if self.rotary is not None:
            turning_BTEK = rotate(turning_BTEK, place.rotation(self.rotary, self.head_dim, turning_BTEK.dtype))
        q_BTHK, k_BTGK = turning_BTEK.split([H, G], dim=2)
        return q_BTHK, k_BTGK, v_BTGK


class PackedGatedFeedForward(nn.Module):
    """A gated feed-forward layer whose two inner branches come from one matrix."""

    def __init__(self, feed_forward: GatedFeedForward) -> None:
        super().__init__()
        self.gating = feed_forward.gating
        self.gate_up = fast_linear(*_stacked((feed_forward.gate, feed_forward.up)))
        self.down = pack(feed_forward.down)

    def forward(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
        """down(act(gate x) * up x)."""
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(self.gating(gate, up))


def serves(model: Transformer) -> bool:
    """Whether packing makes a model faster: on a CPU with oneDNN, where there is memory for the copies.

    Beside them fits the work: a session's state, for which as much is left, or the logits of a window.
    """
    weight = next(model.parameters())
    size = sum(tensor.nbytes for tensor in chain(model.parameters(), model.buffers()))
    work = max(size, scored_bytes(model.config, None, weight.itemsize))
    return (
        weight.device.type == "cpu"
        and weight.dtype in (torch.float32, torch.bfloat16)
        and torch.backends.mkldnn.is_available()
        and size + work < free_memory(weight.device)
    )


def pack(module: nn.Module) -> nn.Module:
    """A twin that shares all but its matrices: those are packed, and fused where one input meets several.

    A module of a type without a fast form is copied, its parts packed.
    """
    if _runs_dense(module):
        return fast_linear(*_stacked([module]))
    if isinstance(module, LinearMap):
        return module.packed(fast_linear)
    form = FORMS.get(type(module))
    return _with_packed_parts(module) if form is None else form(module)


def _with_packed_parts(module: nn.Module) -> nn.Module:
    twin = copy.copy(module)
    twin._modules = {name: child if child is None else pack(child) for name, child in module._modules.items()}
    return twin


def _attention(layer: SelfAttention) -> nn.Module:
    fuses = all(map(_runs_dense, (layer.query, layer.key, layer.value)))
    return PackedAttention(layer) if fuses else _with_packed_parts(layer)


def _gated(layer: GatedFeedForward) -> nn.Module:
    fuses = _runs_dense(layer.gate) and _runs_dense(layer.up)
    return PackedGatedFeedForward(layer) if fuses else _with_packed_parts(layer)


def _transformer(model: Transformer) -> nn.Module:
    twin = _with_packed_parts(model)
    if isinstance(model.head, Head):
        twin.head = PackedHead(model.head, model.embedding.token)
    return twin


# The fast form of each type of module that has one.
FORMS: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    RMSNorm: MirroredNorm,
    OffsetRMSNorm: MirroredNorm,
    SelfAttention: _attention,
    GatedFeedForward: _gated,
    Embedding: lambda embedding: embedding,
    Transformer: _transformer,
}


def _runs_dense(layer: nn.Module | None) -> bool:
    """Whether a layer's matrix is best applied whole and stays the same: it saves few products or none."""
    if not isinstance(layer, LinearMap) or layer.turns:
        return False
    whole = layer.in_features * layer.out_features
    itemsize = next((p.element_size() for p in layer.parameters()), 0)
    return (whole - layer.num_multiplications) * itemsize < _BYTES_A_CALL


def _stacked(layers: Sequence[Any]) -> tuple[Tensor | CodedMatrix, Tensor | None]:
    """One matrix, of few bits where all are and in the same way, and its bias."""
    bias = None if layers[0].bias is None else torch.cat([layer.bias for layer in layers])
    coded = [layer.coded() for layer in layers]
    of_few_bits = [codes for codes in coded if codes is not None]
    if len(of_few_bits) == len(layers) and (whole := stacked(of_few_bits)) is not None:
        return whole, bias
    return torch.cat([layer.dense() for layer in layers]), bias
