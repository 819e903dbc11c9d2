"""The linear layers of a module, whoever wrote it, and the table of its tokens."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import TypeVar

from torch import nn

from eigenlm.errors import ConfigError, explain
from eigenlm.linear import DenseLinear, LinearMap
from eigenlm.model import Transformer
from eigenlm.model.embedding import Embedding
from eigenlm.observe.foreign import as_linear, experts_apart

# A vocabulary's matrix: its output Gram alone would be (V, V).
_WIDEST = 16384
TABLE = "embedding.token"
Module = TypeVar("Module", bound=nn.Module)


def linears(module: nn.Module, widest: int | None = _WIDEST) -> dict[str, LinearMap]:
    """Every linear layer under its name, of whatever kind, but those wider than `widest` or tied to an embedding.

    Layers of other libraries come as views that keep the contract of ours: `nn.Linear`, Hugging Face's Conv1D, and each
    expert of a stacked tensor, named `STACK.0`, `STACK.1`, ...; hooks on the latter work inside `experts_apart`.

    Args:
        module: where they are.
        widest: the most rows or columns; by default less than a vocabulary has, None for any number.

    Raises:
        ConfigError: the module has none.
    """
    with experts_apart(module):
        found = dict(_found(module))
        inside = {id(p) for name in found for p in module.get_submodule(name).parameters()}
        elsewhere = {id(p) for part in _others(module) for p in part.parameters(recurse=False)}
    tied = inside & elsewhere
    kept = {
        name: layer
        for name, layer in found.items()
        if (widest is None or max(layer.out_features, layer.in_features) <= widest)
        and not tied.intersection(map(id, _parameters(layer)))
    }
    if not kept:
        raise ConfigError(
            explain("linear layers", expected="a module with some, apart from its vocabulary's", got="none")
        )
    return kept


def token_table(module: nn.Module) -> dict[str, LinearMap]:
    """The vectors of tokens as a linear map (V, E), under its name; nothing for a module that is not ours."""
    if not isinstance(module, Transformer):
        return {}
    token = module.embedding.token
    return {TABLE: token if isinstance(token, LinearMap) else DenseLinear.from_dense(token.weight)}


def replace_(module: nn.Module, name: str, layer: nn.Module) -> None:
    """Put a layer in the place of the one that is called `name`, in its mode."""
    parent, _, child = name.rpartition(".")
    layer.train(module.get_submodule(name).training)
    module.get_submodule(parent)._modules[child] = layer


def twin_of(module: Module) -> Module:
    """A twin that shares all tensors, for layers to be replaced in."""
    return copy.deepcopy(module, {id(tensor): tensor for tensor in chain(module.parameters(), module.buffers())})


@contextmanager
def replaced(module: nn.Module, layers: Mapping[str, nn.Module]) -> Iterator[None]:
    """Layers in the places of those of their names, while the `with` block runs."""
    before = {name: module.get_submodule(name) for name in layers}
    try:
        for name, layer in layers.items():
            replace_(module, name, layer)
        yield
    finally:
        for name, layer in before.items():
            replace_(module, name, layer)


def _found(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, LinearMap]]:
    """Linear layers, not looking inside one for its parts; a module with two names has the first."""
    seen: set[int] = set()
    stack = [(prefix, module)]
    while stack:
        name, part = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if (layer := as_linear(part)) is not None:
            yield name, layer
        else:
            applied = {child: inner for child, inner in part.named_children() if not _is_table(part, child)}
            children = [(f"{name}.{child}".removeprefix("."), inner) for child, inner in applied.items()]
            stack += reversed(children)


def _is_table(part: nn.Module, child: str) -> bool:
    """Whether a part of a part is looked up by rows."""
    return isinstance(part, Embedding) and child == "token"


def _others(module: nn.Module) -> Iterator[nn.Module]:
    """Every part that is no linear layer, and in none."""
    if as_linear(module) is None:
        yield module
        for child in module.children():
            yield from _others(child)


def _parameters(layer: LinearMap) -> list[nn.Parameter]:
    return list(getattr(layer, "module", layer).parameters())
