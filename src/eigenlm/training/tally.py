"""What a forward pass does and keeps, counted operation by operation on a model that takes no memory.

No kind of layer is known here: the model itself runs, on tensors that have a size and a precision but no numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils.flop_counter import flop_registry

from eigenlm.machine.kernels import EveryOperation, without_memory
from eigenlm.model import LayerConfig, Transformer, TransformerConfig
from eigenlm.training.batch_sizes import BatchSizes

Amounts = dict[str, int | float]
_ACTIVATIONS = {"relu", "gelu", "silu", "elu", "mish", "tanh", "sigmoid", "leaky_relu"}
_FLOAT32 = 4


def of_all_layers(config: TransformerConfig, measure: Callable[[Transformer], Amounts]) -> Amounts:
    """What `measure` gives for the model of a config, from models that have each distinct layer once or twice.

    What a second layer of a kind adds to the first is what every further one adds. The first may add more: a mask, a
    rotation or a table that the others share.

    Args:
        config: of the model.
        measure: gives amounts by name, of a model without memory.
    """

    def amounts(encoder: Iterable[LayerConfig], decoder: Iterable[LayerConfig]) -> Amounts:
        few = replace(config, encoder_pattern=tuple(encoder), pattern=tuple(decoder))
        few = replace(few, num_encoder_layers=len(few.encoder_pattern), num_layers=len(few.pattern))
        with without_memory():
            model = Transformer(few)
        return measure(model.train())

    encoder, decoder = Counter(config.encoder_layers), Counter(config.layers)
    once = amounts(encoder, decoder)
    twice = [(times - 1, amounts([*encoder, layer], decoder)) for layer, times in encoder.items() if times > 1]
    twice += [(times - 1, amounts(encoder, [*decoder, layer])) for layer, times in decoder.items() if times > 1]
    whole = {name: base + sum(times * (more[name] - base) for times, more in twice) for name, base in once.items()}
    return defaultdict(float, whole)


@lru_cache(maxsize=64)
def forward_pass(
    config: TransformerConfig, batch: BatchSizes, dtype: torch.dtype | None = None, *, separate: bool = False
) -> Amounts:
    """What one micro-batch's pass to the last hidden vectors does, as autograd follows it.

    products: operations of products with weights, a multiply and an add being two; head: of those that give the logits.
    attention: operations of Q K^T and weights V, of every query with every key where a kernel is fused.
    attention_seen: the same of every query with the keys it sees.
    activated: numbers through activation functions.
    moved: bytes that all other operations read and write.
    fused: the same if neighbouring ones are one kernel: bytes that enter and leave.
    calls: of torch's operations, those that only look at a tensor and those that autograd makes included.
    blocks, inputs: how many blocks of the model ran, and bytes that entered them.
    selective, selective_products: bytes of each block's attention and of every second product with a weight, and
        operations of the latter.
    kept, casts: bytes that autograd saves beside parameters, and of their copies in a lower precision.
    kept_by_norms: bytes that norms alone save; norms_whole: the same where a norm is one kernel, as on an accelerator,
        which saves a float32 copy of its input and its statistics.

    Args:
        config: of the model.
        batch: sizes.
        dtype: of activations; None for float32.
        separate: whether documents of a row, of which there are two, are hidden from each other, which takes a mask.
    """
    inputs = _inputs(batch, separate)

    def measure(model: Transformer) -> Amounts:
        model.activation_dtype = dtype
        tally = _Tally(model)
        with torch.autograd.graph.saved_tensors_hooks(tally.save, lambda x: x), tally:
            hidden = model.hidden(**inputs)
        amounts = {**tally.amounts, **tally.saved_bytes()}
        with torch.no_grad(), tally:
            model.logits(hidden)
        return {**amounts, "head": tally.amounts["products"] - amounts["products"]}

    return of_all_layers(config, measure)


class _Tally(EveryOperation):
    """Amounts of all operations of a model in a `with` block."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.amounts: Amounts = defaultdict(float)
        self._parameters = {_storage(parameter) for parameter in model.parameters()}
        self._casts: set[StorageWeakRef] = set()
        self._odd = False  # whether a block's next product with a weight is its first, third, ...
        self._group: set[StorageWeakRef] = set()  # what one kernel has at hand
        self._unwritten: dict[StorageWeakRef, int] = {}
        self._alive: list[Tensor] = []  # a storage that is freed could be taken for a new one
        self._saved: dict[bool, list[Tensor]] = {False: [], True: []}  # by whether a norm does
        self._in_norm = False
        for block in blocks_of(model):
            block.register_forward_pre_hook(self._enter_block)
        for norm in (m for m in model.modules() if isinstance(m, (nn.LayerNorm, nn.RMSNorm))):
            norm.register_forward_pre_hook(self._enter_norm)
            norm.register_forward_hook(self._leave_norm)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name, results = func._schema.name.removeprefix("aten::"), _tensors(out)
        inputs = _tensors((args, tuple(kwargs.values())))
        self._alive += results
        self.amounts["calls"] += 1
        is_view = bool(results) and _storage(results[0]) in map(_storage, inputs) and not func._schema.is_mutable
        if not results or is_view or name.startswith("empty"):
            return out
        if "scaled_dot_product" in name:
            self._attend({a.name: value for a, value in zip(func._schema.arguments, args)} | kwargs, results)
        elif func._overloadpacket in flop_registry:
            self._multiply(flop_registry[func._overloadpacket](*args, **kwargs, out_val=out), inputs, out)
        elif name.rstrip("_") in _ACTIVATIONS:
            self.amounts["activated"] += results[0].numel()
        else:
            self._move(name, inputs, results)
            return out
        self._read(inputs)
        self._group = set()
        return out

    def _attend(self, values: dict[str, Any], results: list[Tensor]) -> None:
        query, key, value, mask = values["query"], values["key"], values["value"], values.get("attn_mask")
        (B, H, T, K), S = query.shape, key.shape[2]
        pairs = 2.0 * B * H * T * S * (K + value.shape[3])
        seen = (S + 1) / (2 * S) if values.get("is_causal") else 1.0
        if mask is not None:
            seen = (mask if mask.dtype == torch.bool else mask == 0).double().mean().item()
        self.amounts["attention"] += pairs
        self.amounts["attention_seen"] += pairs * seen
        self.amounts["selective"] += results[0].nbytes + results[1].numel() * _FLOAT32

    def _multiply(self, flops: int, inputs: list[Tensor], out: Tensor) -> None:
        if any(_storage(x) in self._parameters | self._casts for x in inputs):
            self.amounts["products"] += flops
            self.amounts["selective"] += out.nbytes * self._odd
            self.amounts["selective_products"] += flops * self._odd
            self._odd = not self._odd
        else:
            self.amounts["attention"] += flops
            self.amounts["attention_seen"] += flops

    def _move(self, name: str, inputs: list[Tensor], results: list[Tensor]) -> None:
        weights = self._parameters | self._casts
        if name != "_to_copy":
            inputs = [x for x in inputs if _storage(x) not in weights]  # rows of a table, a norm's few numbers
        elif _storage(inputs[0]) in weights:
            self._casts.add(_storage(results[0]))
        strangers = [x for x in inputs if _storage(x) not in self._group]
        self._read(strangers)
        self.amounts["moved"] += sum(x.nbytes for x in (*inputs, *results))
        self.amounts["fused"] += sum(x.nbytes for x in strangers)
        self._group |= {_storage(x) for x in (*inputs, *results)}
        self._unwritten |= {_storage(x): x.nbytes for x in results}

    def _read(self, inputs: list[Tensor]) -> None:
        """What was made by another kernel has to be written first."""
        self.amounts["fused"] += sum(self._unwritten.pop(_storage(x), 0) for x in inputs)

    def _enter_block(self, _: nn.Module, args: tuple[Any, ...]) -> None:
        self._odd = True
        self.amounts["blocks"] += 1
        self.amounts["inputs"] += args[0].nbytes

    def _enter_norm(self, _: nn.Module, args: tuple[Any, ...]) -> None:
        self._in_norm, width = True, args[0].shape[-1]
        self.amounts["norms_whole"] += args[0].numel() // width * (width + 2) * _FLOAT32

    def _leave_norm(self, *_: Any) -> None:
        self._in_norm = False

    def save(self, x: Tensor) -> Tensor:
        """Note what autograd saves."""
        self._saved[self._in_norm].append(x)
        return x

    def saved_bytes(self) -> Amounts:
        """Of each storage once."""
        kept, by_norms = ({_storage(x): _bytes(x) for x in self._saved[in_norm]} for in_norm in (False, True))
        return {
            "kept": sum(kept[place] for place in kept.keys() - self._parameters - self._casts),
            "casts": sum(kept[place] for place in kept.keys() & self._casts),
            "kept_by_norms": sum(by_norms[place] for place in by_norms.keys() - kept.keys() - self._parameters),
        }


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """The blocks of all stacks of a transformer."""
    return [block for stack in model.children() if isinstance(stack, nn.ModuleList) for block in stack]


def _inputs(batch: BatchSizes, separate: bool) -> dict[str, Any]:
    """Ids as `Transformer.hidden` takes them; `separate` cuts each row into two documents."""
    ids = torch.zeros(batch.texts, batch.tokens, dtype=torch.int64)
    inputs: dict[str, Any] = {"ids": ids}
    if batch.source_tokens:
        inputs["source"] = ids.new_zeros(batch.texts, batch.source_tokens)
    if separate:
        cut, places = batch.tokens // 2, torch.arange(batch.tokens).expand_as(ids)
        inputs |= {"documents": (places >= cut).long(), "positions": torch.where(places >= cut, places - cut, places)}
    return inputs


def _tensors(values: Any) -> list[Tensor]:
    if isinstance(values, (tuple, list)):
        return [tensor for value in values for tensor in _tensors(value)]
    return [values] if isinstance(values, Tensor) else []


def _storage(tensor: Tensor) -> StorageWeakRef:
    """What two views of the same numbers have in common."""
    return StorageWeakRef(tensor.untyped_storage())


def _bytes(x: Tensor) -> int:
    """Of its storage; a norm's statistics are float32, though they are told as of its input's precision."""
    whole = x.untyped_storage().nbytes()
    return whole * _FLOAT32 // x.itemsize if x.is_floating_point() and x.shape[-1:] == (1,) else whole
