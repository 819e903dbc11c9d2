"""Watching a module at work without changing what it does: its linear inputs, its residual stream, its attention."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.attention import Scores, Visibility
from eigenlm.errors import ConfigError, EigenError, explain
from eigenlm.model import Block, SelfAttention, Transformer
from eigenlm.observe.predictions import quick_products
from eigenlm.observe.watch import watch


def watch_inputs(layers: Mapping[str, nn.Module], seen: Callable[[str, Tensor], None]) -> AbstractContextManager[None]:
    """Call `seen(name, x)` with the input of each layer at each forward pass, while the `with` block runs."""
    return watch(layers, inputs=seen)


def watch_residual_stream(
    model: Transformer, seen: Callable[[int, Float[Tensor, "B T D"]], None]
) -> AbstractContextManager[None]:
    """Call `seen(n, x)` with the residual stream after the embedding (n = 0) and after each block (n = 1 ... N)."""
    parts = {str(n): part for n, part in enumerate([model.embedding, *model.blocks])}
    return watch(parts, outputs=lambda n, x: seen(int(n), x))


def watch_attention(
    model: Transformer,
    seen: Callable[[int, Float[Tensor, "B T H K"], Float[Tensor, "B S G K"], Visibility, Scores], None],
) -> AbstractContextManager[None]:
    """Call `seen(n, queries, keys, visible, scores)` at each block n whose self-attention is a softmax over keys.

    Queries and keys are those whose products the softmax takes: normed and turned where the model does so.
    """
    cores = {
        str(n): block.attention.softmax
        for n, block in enumerate(model.blocks)
        if isinstance(block, Block) and isinstance(block.attention, SelfAttention)
    }
    return watch(cores, inputs=lambda n, q, k, _, visible: seen(int(n), q, k, visible, cores[n].scores))


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """In evaluation mode while the block runs, for dropout would make another function of every call."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training


@contextmanager
def at_rest(module: nn.Module) -> Iterator[None]:
    """No dropout and no gradients while the `with` block runs; afterwards each part is in the mode that it was in."""
    with evaluating(module), torch.no_grad():
        yield


def run(module: nn.Module, ids: Int[Tensor, "B T"]) -> None:
    """Pass token ids through a module for the sake of those who watch it, in bfloat16 where the processor has it.

    Raises:
        ConfigError: the module cannot take them.
        EigenError: it refused them itself.
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
