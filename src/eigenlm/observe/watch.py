"""Watching named parts of a module at work without changing what it does."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


@contextmanager
def watch(
    parts: Mapping[str, nn.Module],
    *,
    inputs: Callable[..., None] | None = None,
    outputs: Callable[[str, Any], None] | None = None,
    gradients: Callable[[str, Tensor], None] | None = None,
) -> Iterator[None]:
    """Tell what enters and leaves some parts of a module, and what comes back to them, while the `with` block runs.

    Args:
        parts: the parts by name: `observe.linears(module)`, or what `stream_parts` or `attention_parts` give.
        inputs: called as `inputs(name, *given, **options)` with the arguments of a part before each of its calls.
        outputs: called as `outputs(name, output)` after each call.
        gradients: called as `gradients(name, gradient)` with the gradient at a part's output when a backward pass
            reaches it. The output has to be one tensor; where it hangs on nothing that takes a gradient, the graph
            begins there.
    """
    with ExitStack() as hooks:
        for name, part in parts.items():
            if inputs is not None:
                entering = part.register_forward_pre_hook(partial(_enter, inputs, name), with_kwargs=True)
                hooks.enter_context(removed(entering))
            if outputs is not None or gradients is not None:
                leaving = part.register_forward_hook(partial(_leave, outputs, gradients, name))
                hooks.enter_context(removed(leaving))
        yield


@contextmanager
def removed(handle: RemovableHandle) -> Iterator[None]:
    """Take a hook away at the end of the `with` block."""
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """No parameter collects gradients while the `with` block runs."""
    before = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    try:
        for parameter, _ in before:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, wanted in before:
            parameter.requires_grad_(wanted)


def _enter(seen: Callable[..., None], name: str, _: nn.Module, given: tuple[Any, ...], options: dict[str, Any]) -> None:
    seen(name, *given, **options)


def _leave(
    seen: Callable[[str, Any], None] | None,
    felt: Callable[[str, Tensor], None] | None,
    name: str,
    _: nn.Module,
    given: tuple[Any, ...],
    output: Any,
) -> Any:
    if seen is not None:
        seen(name, output)
    if felt is None:
        return None
    output = output if output.requires_grad else output.detach().requires_grad_()
    output.register_hook(partial(felt, name))
    return output
