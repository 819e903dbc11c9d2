"""What flows through linear layers: inputs as text goes forward, gradients as sampled labels come back."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.errors import ConfigError, explain
from eigenlm.machine.kernels import computes_in_bfloat16
from eigenlm.observe.linears import linears


def logits_of(module: nn.Module, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
    """Logits of a transformer, ours or Hugging Face's.

    Raises:
        ConfigError: it gives something else.
    """
    output = module(ids)
    logits = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    if logits is None:
        got, do = type(output).__name__, "take the class with a language-model head"
        raise ConfigError(explain("predicting tokens", expected="a module that gives logits", got=got, do=do))
    return logits


def quick_products(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 where the processor multiplies it natively."""
    native = device.type != "cpu" or computes_in_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


class Hooks:
    """Hooks on linear layers for as long as a `with` block runs; parameters collect no gradients meanwhile.

    Args:
        module: whose layers are watched.
        seen: called with a layer's name and its input (rows, in) at each forward pass.
        felt: called with a layer's name and the gradient at its output (rows, out) at each backward pass.
    """

    def __init__(
        self, module: nn.Module, seen: Callable[[str, Tensor], None], felt: Callable[[str, Tensor], None]
    ) -> None:
        self._module, self._seen, self._felt = module, seen, felt

    def __enter__(self) -> "Hooks":
        self._frozen = [(p, p.requires_grad) for p in self._module.parameters()]
        for parameter, _ in self._frozen:
            parameter.requires_grad_(False)
        layers = linears(self._module)
        self._handles = [layer.register_forward_hook(self._watch(name)) for name, layer in layers.items()]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        for parameter, wanted in self._frozen:
            parameter.requires_grad_(wanted)

    def _watch(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            self._seen(name, inputs[0])
            # With frozen parameters the graph begins at the first layers' outputs.
            output = output if output.requires_grad else output.detach().requires_grad_()
            output.register_hook(lambda g: self._felt(name, g.flatten(0, -2)))
            return output

        return hook


def backward_of_sampled_labels(module: nn.Module, ids: Tensor, generator: torch.Generator) -> None:
    """Backpropagate the nll, summed over tokens, of labels drawn from the model itself: the gradients of the Fisher.

    Source: arXiv:1412.1193, section 9.2: labels from the data would give the empirical Fisher instead.
    """
    with torch.enable_grad():
        logits_CV = logits_of(module, ids).flatten(0, -2).float()
        nn.functional.cross_entropy(logits_CV, _drawn(logits_CV.detach(), generator), reduction="sum").backward()


def _drawn(logits_CV: Tensor, generator: torch.Generator) -> Tensor:
    """A label of each row by its inverse distribution function; `torch.multinomial` draws V numbers a row instead."""
    cumulated_CV = logits_CV.softmax(dim=-1).cumsum(dim=-1)
    u_C1 = torch.rand(len(logits_CV), 1, generator=generator, device=logits_CV.device) * cumulated_CV[:, -1:]
    return torch.searchsorted(cumulated_CV, u_C1, right=True)[:, 0].clamp_max(logits_CV.shape[1] - 1)
