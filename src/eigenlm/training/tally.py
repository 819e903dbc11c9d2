"""What a forward pass does and keeps, counted operation by operation on a model that takes no memory.

No kind of layer is known here: the model itself runs, on tensors that have a size and a precision but no numbers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils.flop_counter import flop_registry

from eigenlm.machine.kernels import EveryOperation, without_memory
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.training.batch_sizes import BatchSizes

_ACTIVATIONS = {"relu", "gelu", "silu", "elu", "mish", "tanh", "sigmoid", "leaky_relu"}
_FLOAT32 = 4


@dataclass
class BlockTally:
    """What a block of the model is given and makes.

    Attributes:
        input: bytes of the hidden vectors that enter.
        attention: bytes of its heads' outputs and log-sum-exps.
        products: of each product with a weight, in order, bytes of the result and operations.
    """

    input: int
    attention: int = 0
    products: list[tuple[int, float]] = field(default_factory=list)


class Tally(EveryOperation):
    """Counts of all operations in a `with` block.

    Attributes:
        products: operations of products with weights, a multiply and an add being two.
        attention: operations of Q K^T and weights V, of every query with every key where a kernel is fused.
        attention_seen: the same of every query with the keys it sees.
        activated: numbers through activation functions.
        moved: bytes that all other operations read and write.
        fused: the same if neighbouring ones are one kernel: bytes that enter and leave.
        calls: operations started, those that only look at numbers otherwise included.
        blocks: of each block, in the order they run.
    """

    def __init__(self, weights: Iterable[Tensor]) -> None:
        """Count what is done with weights as products."""
        super().__init__()
        self.products = self.attention = self.attention_seen = 0.0
        self.activated = self.moved = self.fused = self.calls = 0
        self.blocks: list[BlockTally] = []
        self.weights = {storage(weight) for weight in weights}
        self._group: set[StorageWeakRef] = set()  # what one kernel has at hand
        self._unwritten: dict[StorageWeakRef, int] = {}
        self._alive: list[Tensor] = []  # a storage that is freed could be taken for a new one

    def __exit__(self, *error: Any) -> None:
        """End, and let go of everything that was made."""
        super().__exit__(*error)
        self._alive.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count it."""
        values = {argument.name: value for argument, value in zip(func._schema.arguments, args)} | (kwargs or {})
        out = func(*args, **(kwargs or {}))
        name, results = func._schema.name.removeprefix("aten::"), list(_tensors(out))
        inputs = list(_tensors(tuple(values.values())))
        self._alive += results
        self.calls += 1
        places = {storage(x) for x in inputs}
        if not results or name.startswith("empty") or (storage(results[0]) in places and not func._schema.is_mutable):
            return out
        if "scaled_dot_product" in name:
            self._attend(values, results)
        elif func._overloadpacket in flop_registry:
            self._multiply(
                float(flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)), inputs, out
            )
        elif name.rstrip("_") in _ACTIVATIONS:
            self.activated += results[0].numel()
            self._take(inputs)
        else:
            self._move(name, inputs, results)
        return out

    def _attend(self, values: dict[str, Any], results: list[Tensor]) -> None:
        query, key, value, mask = values["query"], values["key"], values["value"], values.get("attn_mask")
        (B, H, T, K), S = query.shape, key.shape[2]
        pairs = 2.0 * B * H * T * S * (K + value.shape[3])
        seen = (S + 1) / (2 * S) if values.get("is_causal") else 1.0
        if mask is not None:
            seen = ((mask if mask.dtype == torch.bool else mask == 0).double().mean()).item()
        self.attention += pairs
        self.attention_seen += pairs * seen
        if self.blocks:
            self.blocks[-1].attention += results[0].nbytes + results[1].numel() * _FLOAT32
        self._take([query, key, value])

    def _multiply(self, flops: float, inputs: list[Tensor], out: Tensor) -> None:
        if any(storage(x) in self.weights for x in inputs):
            self.products += flops
            if self.blocks:
                self.blocks[-1].products.append((out.nbytes, flops))
        else:
            self.attention += flops
            self.attention_seen += flops
        self._take(inputs)

    def _move(self, name: str, inputs: list[Tensor], results: list[Tensor]) -> None:
        if name == "_to_copy" and storage(inputs[0]) in self.weights:
            self.weights.add(storage(results[0]))
        elif name != "_to_copy":
            inputs = [x for x in inputs if storage(x) not in self.weights]  # rows of a table, a norm's few numbers
        self.moved += sum(x.nbytes for x in (*inputs, *results))
        strangers = [x for x in inputs if storage(x) not in self._group]
        self._write(strangers)
        self.fused += sum(x.nbytes for x in strangers)
        self._group |= {storage(x) for x in (*inputs, *results)}
        self._unwritten |= {storage(x): x.nbytes for x in results}

    def _take(self, inputs: list[Tensor]) -> None:
        """A kernel of its own reads what those before it made."""
        self._write(inputs)
        self._group = set()

    def _write(self, read: list[Tensor]) -> None:
        self.fused += sum(self._unwritten.pop(storage(x), 0) for x in read)


def storage(tensor: Tensor) -> StorageWeakRef:
    """What two views of the same numbers have in common."""
    return StorageWeakRef(tensor.untyped_storage())


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from _tensors(value)


@lru_cache(maxsize=8)
def model_without_memory(config: TransformerConfig) -> Transformer:
    """The model of a config, ready to run on integers and give vectors without numbers."""
    with without_memory():
        model = Transformer(config)
    model.activation_dtype = None
    return model.train()


@lru_cache(maxsize=32)
def forward_tally(config: TransformerConfig, batch: BatchSizes, number: int = _FLOAT32) -> tuple[Tally, Tally]:
    """What one micro-batch's pass to the last hidden vectors does, and what the head then does to the logits.

    Args:
        config: of the model.
        batch: sizes.
        number: bytes of an activation: 4, or 2 for a lower precision.
    """
    model = model_without_memory(config)
    # Of two bytes as bfloat16 is, but no kernel of a processor's own is chosen for it: attention stays one operation.
    model.activation_dtype = torch.float16 if number < _FLOAT32 else None
    hidden, logits = Tally(model.parameters()), Tally(model.parameters())
    marks = [
        block.register_forward_pre_hook(lambda _, args: hidden.blocks.append(BlockTally(args[0].nbytes)))
        for block in blocks_of(model)
    ]
    with torch.no_grad():
        with hidden:
            vectors = model.hidden(**inputs_of(batch))
        with logits:
            model.logits(vectors)
    for mark in marks:
        mark.remove()
    return hidden, logits


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """The blocks of all stacks of a transformer."""
    return [block for stack in model.children() if isinstance(stack, nn.ModuleList) for block in stack]


def inputs_of(batch: BatchSizes, *, separate: bool = False) -> dict[str, Any]:
    """Ids as `Transformer.hidden` takes them; `separate` cuts each row into two documents."""
    ids = torch.zeros(batch.texts, batch.tokens, dtype=torch.int64)
    inputs: dict[str, Any] = {"ids": ids}
    if batch.source_tokens:
        inputs["source"] = ids.new_zeros(batch.texts, batch.source_tokens)
    if separate:
        cut, places = batch.tokens // 2, torch.arange(batch.tokens).expand_as(ids)
        inputs |= {"documents": (places >= cut).long(), "positions": torch.where(places >= cut, places - cut, places)}
    return inputs


def bytes_saved(
    config: TransformerConfig,
    batch: BatchSizes,
    dtype: torch.dtype | None,
    *,
    fused_norms: bool = False,
    separate: bool = False,
) -> tuple[int, int]:
    """Bytes that autograd keeps of a pass to the last hidden vectors beside the parameters, and of casts of weights.

    Args:
        config: of the model.
        batch: sizes.
        dtype: of activations; None for float32.
        fused_norms: as on an accelerator, whose norms keep a float32 copy of their input, its statistics, no more.
        separate: whether documents of a row are hidden from each other, which takes a mask.
    """
    model = model_without_memory(config)
    model.activation_dtype = dtype
    tally = Tally(model.parameters())
    parameters = set(tally.weights)
    kept: dict[StorageWeakRef, Tensor] = {}
    norms: list[int] = []
    inside: list[nn.Module] = []

    def keep(x: Tensor) -> Tensor:
        if not inside and storage(x) not in parameters:
            kept.setdefault(storage(x), x)
        return x

    def enter(norm: nn.Module, args: tuple[Tensor]) -> None:
        inside.append(norm)
        norms.append((args[0].numel() + 2 * args[0][..., 0].numel()) * _FLOAT32)

    found = [m for m in model.modules() if isinstance(m, (nn.LayerNorm, nn.RMSNorm))] if fused_norms else []
    marks = [norm.register_forward_pre_hook(enter) for norm in found]
    marks += [norm.register_forward_hook(lambda *_: inside.pop() and None) for norm in found]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x), tally:
        model.hidden(**inputs_of(batch, separate=separate))
    for mark in marks:
        mark.remove()
    casts = sum(_bytes(x) for place, x in kept.items() if place in tally.weights)
    return sum(map(_bytes, kept.values())) - casts + sum(norms), casts


def _bytes(x: Tensor) -> int:
    """Of its storage; a norm's statistics are float32, though they are told as of its input's precision."""
    whole = x.untyped_storage().nbytes()
    return whole * _FLOAT32 // x.itemsize if x.is_floating_point() and x.shape[-1:] == (1,) else whole
