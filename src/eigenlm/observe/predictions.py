"""Text through a module that predicts tokens, and the gradients of the labels it would draw itself back again."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.errors import ConfigError, explain
from eigenlm.machine.kernels import computes_in_bfloat16
from eigenlm.model import Transformer


def logits_of(module: nn.Module, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
    """Logits of a transformer, ours or Hugging Face's.

    Raises:
        ConfigError: it gives something else.
    """
    if isinstance(module, Transformer) and module.head is None:
        do = "take a model with a language-model head"
        raise ConfigError(explain("predicting tokens", expected="a module that gives logits", got="no head", do=do))
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


def predicts_next(module: nn.Module) -> bool:
    """Whether logits are of the next token, as a decoder's are, and not of the token at their own place."""
    if isinstance(module, Transformer):
        return module.config.kind != "encoder"
    return not type(module).__name__.endswith("MaskedLM")


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
