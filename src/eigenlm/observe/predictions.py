"""Text through a module, and the gradients back again by which it tells how much a change would matter to it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.engine.room import LOGIT_ROWS
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


def gives_vectors(module: nn.Module) -> bool:
    """Whether a model tells vectors of its tokens and no logits, as sentence encoders do."""
    return isinstance(module, Transformer) and module.config.kind == "encoder" and module.head is None


def backward_of_samples(module: nn.Module, ids: Tensor, generator: torch.Generator) -> None:
    """Backpropagate gradients whose second moment says how much what the module tells would change."""
    with torch.enable_grad():
        if gives_vectors(module):
            backward_of_directions(module(ids), generator)
        else:
            backward_of_labels(logits_of(module, ids), generator)


def backward_of_labels(logits: Float[Tensor, "B T V"], generator: torch.Generator) -> None:
    """The nll, summed over tokens, of labels drawn from the model itself: the gradients of the Fisher matrix.

    Source: arXiv:1412.1193, section 9.2: labels from the data would give the empirical Fisher instead. The gradient at
    logits is p less 1 at the label; it is made of a few rows at a time, for there are many logits.
    """
    logits_CV = logits.flatten(0, -2)
    gradient_CV = torch.empty_like(logits_CV)
    u_C1 = torch.rand(len(logits_CV), 1, generator=generator, device=logits_CV.device)
    parts = zip(logits_CV.detach().split(LOGIT_ROWS), gradient_CV.split(LOGIT_ROWS), u_C1.split(LOGIT_ROWS))
    for logits_RV, gradient_RV, u_R1 in parts:
        p_RV = logits_RV.float().softmax(dim=-1)
        label_R1 = _drawn(p_RV, u_R1)
        gradient_RV.copy_(p_RV.scatter_add_(1, label_R1, -torch.ones_like(u_R1)))
    logits_CV.backward(gradient_CV)


def backward_of_directions(hidden: Float[Tensor, "B T D"], generator: torch.Generator) -> None:
    """v . u, summed over tokens, of each vector u = h / |h| and a v ~ N(0, I), for the Gauss-Newton matrix.

    The second moment of J^T v is J^T J, and |J dx|^2 / 2 is 1 - cosine of u before and after, to second order.
    """
    u_BTD = nn.functional.normalize(hidden.float(), dim=-1)
    (u_BTD * torch.randn(u_BTD.shape, generator=generator, device=u_BTD.device)).sum().backward()


def _drawn(p_RV: Tensor, u_R1: Tensor) -> Tensor:
    """A label of each row by its inverse distribution function; `torch.multinomial` draws V numbers a row instead."""
    cumulated_RV = p_RV.cumsum(dim=-1)
    found_R1 = torch.searchsorted(cumulated_RV, u_R1 * cumulated_RV[:, -1:], right=True)
    return found_R1.clamp_max(p_RV.shape[1] - 1)
