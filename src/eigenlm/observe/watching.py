"""Watching a module at work without changing what it does: its linear inputs, its residual stream, its attention."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.attention import Visibility
from eigenlm.errors import ConfigError, EigenError, explain
from eigenlm.model import SelfAttention, Transformer
from eigenlm.observe.hooks import quick_products


@contextmanager
def watch_inputs(layers: Mapping[str, nn.Module], seen: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Call `seen(name, x)` with the first input of each layer at each forward pass, while the `with` block runs."""
    with ExitStack() as hooks:
        for name, layer in layers.items():
            hooks.enter_context(_removed(layer.register_forward_pre_hook(functools.partial(_input, seen, name))))
        yield


@contextmanager
def watch_residual_stream(model: Transformer, seen: Callable[[int, Float[Tensor, "B T D"]], None]) -> Iterator[None]:
    """Call `seen(n, x)` with the residual stream after the embedding (n = 0) and after each block (n = 1 ... N)."""
    with ExitStack() as hooks:
        for n, part in enumerate([model.embedding, *model.blocks]):
            hooks.enter_context(_removed(part.register_forward_hook(functools.partial(_output, seen, n))))
        yield


@contextmanager
def watch_attention(
    model: Transformer, seen: Callable[[int, Float[Tensor, "B T H K"], Float[Tensor, "B S G K"], Visibility], None]
) -> Iterator[None]:
    """Call `seen(n, queries, keys, visible)` at the self-attention of each block n = 0 ... N - 1.

    Queries and keys are those whose products the softmax takes: normed and turned where the model does so.
    """
    with ExitStack() as hooks:
        cores = [part.softmax for part in model.blocks.modules() if isinstance(part, SelfAttention)]
        for n, softmax in enumerate(cores):
            hooks.enter_context(_removed(softmax.register_forward_pre_hook(functools.partial(_attention, seen, n))))
        yield


@contextmanager
def at_rest(module: nn.Module) -> Iterator[None]:
    """No dropout and no gradients while the `with` block runs; afterwards each part is in the mode that it was in."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        with torch.no_grad():
            yield
    finally:
        for part, training in modes:
            part.training = training


def run(module: nn.Module, ids: Int[Tensor, "B T"]) -> None:
    """Pass token ids through a module for the sake of those who watch it, in bfloat16 where the processor has it.

    Raises:
        ConfigError: the module cannot take them.
    """
    try:
        with quick_products(ids.device):
            module(ids)
    except EigenError:
        raise
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        operation = f"running {type(module).__name__}"
        do = "watch the part that takes token ids"
        raise ConfigError(explain(operation, expected="a module of (B, T) token ids", got=error, do=do)) from error


@contextmanager
def _removed(handle: torch.utils.hooks.RemovableHandle) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()


def _input(seen: Callable[[str, Tensor], None], name: str, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    seen(name, inputs[0])


def _output(seen: Callable[[int, Tensor], None], n: int, _: nn.Module, inputs: object, output: Tensor) -> None:
    seen(n, output)


def _attention(
    seen: Callable[[int, Tensor, Tensor, Visibility], None],
    n: int,
    _: nn.Module,
    inputs: tuple[Tensor, Tensor, Tensor, Visibility],
) -> None:
    query, key, _value, visible = inputs
    seen(n, query, key, visible)
