"""The layers of any module as maps of the residual stream, with their norms or without."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.errors import ConfigError, explain
from eigenlm.observe import watch
from eigenlm.observe.predictions import logits_of


class StreamMap(NamedTuple):
    """A map of the residual stream and the stream it was given on some text.

    Attributes:
        function: (B, T, D) to (B, T, D), or to logits (B, T, V).
        x: (B, T, D) the stream that came in.
    """

    function: Callable[[Float[Tensor, "B T D"]], Float[Tensor, "B T E"]]
    x: Float[Tensor, "B T D"]


def layers_of(module: nn.Module) -> dict[str, nn.Module]:
    """The layers a module is stacked from: the members of its `nn.ModuleList` with the most parameters.

    Raises:
        ConfigError: it has no such list.
    """
    stacks = {name: part for name, part in module.named_modules() if isinstance(part, nn.ModuleList) and len(part)}
    if not stacks:
        raise ConfigError(explain("layers", expected="a module with its layers in a ModuleList", got="none"))
    name, stack = max(stacks.items(), key=lambda item: sum(p.numel() for p in item[1].parameters()))
    return {f"{name}.{i}".removeprefix("."): layer for i, layer in enumerate(stack)}


def layer_maps(module: nn.Module, windows: Int[Tensor, "B T"]) -> dict[str, StreamMap]:
    """Each layer as a map of the stream it meets on these windows; all its other arguments are held.

    Raises:
        ConfigError: no layers, or layers whose first argument is not the stream.
    """
    maps: dict[str, StreamMap] = {}
    layers = layers_of(module)

    def entered(name: str, *given: Any, **options: Any) -> None:
        x, *others = _stream_first(name, given)
        maps[name] = StreamMap(lambda stream: stream_in(layers[name](stream, *others, **options)), x.detach())

    with torch.no_grad(), _no_cache(module), watch(layers, inputs=entered):
        module(windows)
    return maps


def whole_map(module: nn.Module, windows: Int[Tensor, "B T"], *, to_logits: bool = False) -> StreamMap:
    """All layers as one map, from the stream that enters the first to the one that leaves the last.

    Args:
        module: in which the map runs, so what lies before the first layer is run too, and ignored.
        windows: (B, T) token ids.
        to_logits: whether the map goes on to the module's output.

    Raises:
        ConfigError: as in `layer_maps`.
    """
    names = list(layers_of(module))
    first, last = (module.get_submodule(names[i]) for i in (0, -1))

    def function(stream: Tensor) -> Tensor:
        left: list[Tensor] = []
        handles = [
            first.register_forward_pre_hook(lambda _, given: (stream, *given[1:])),
            last.register_forward_hook(lambda *called: left.append(stream_in(called[-1]))),
        ]
        try:
            with _no_cache(module):
                output = logits_of(module, windows) if to_logits else module(windows)
        finally:
            _remove(handles)
        return output if to_logits else left[0]

    return StreamMap(function, layer_maps(module, windows)[names[0]].x)


def norms_of(module: nn.Module) -> dict[str, nn.Module]:
    """Every part that norms: torch's and ours, and any whose class is called so."""
    return {
        name: part
        for name, part in module.named_modules()
        if isinstance(part, (nn.LayerNorm, nn.RMSNorm)) or type(part).__name__.endswith("Norm")
    }


@contextmanager
def without_norms(module: nn.Module) -> Iterator[None]:
    """While the block runs, every norm gives back what it was given; no weight, attribute or module is touched."""
    handles = [norm.register_forward_hook(lambda _, given, __: given[0]) for norm in norms_of(module).values()]
    try:
        yield
    finally:
        _remove(handles)


def stream_in(output: Tensor | tuple[Any, ...]) -> Tensor:
    """The stream in what a layer returned: all of it, or the first of several."""
    return output if isinstance(output, Tensor) else output[0]


def _stream_first(name: str, given: tuple[Any, ...]) -> tuple[Any, ...]:
    if not (given and isinstance(given[0], Tensor) and given[0].is_floating_point()):
        raise ConfigError(explain(f"layer {name}", expected="the residual stream as its first argument", got="others"))
    return given


@contextmanager
def _no_cache(module: nn.Module) -> Iterator[None]:
    """Hugging Face's models keep keys and values by default: a layer run again would see its own as the past."""
    config = getattr(module, "config", None)
    before = getattr(config, "use_cache", None)
    if before is None:
        yield
        return
    config.use_cache = False  # type: ignore[union-attr]
    try:
        yield
    finally:
        config.use_cache = before  # type: ignore[union-attr]


def _remove(handles: list[torch.utils.hooks.RemovableHandle]) -> None:
    for handle in handles:
        handle.remove()
