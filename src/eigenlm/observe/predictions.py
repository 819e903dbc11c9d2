"""Text through a module, and the gradients back again by which it tells how much a change would matter to it."""

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


def gives_vectors(module: nn.Module) -> bool:
    """Whether a model tells vectors of its tokens and no logits, as sentence encoders do."""
    return isinstance(module, Transformer) and module.config.kind == "encoder" and module.head is None
