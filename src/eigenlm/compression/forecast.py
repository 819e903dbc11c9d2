"""What a change of the matrices will cost, told before it is made."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.engine.room import LOGIT_ROWS
from eigenlm.estimate import Estimate
from eigenlm.linalg.divergence import cosine_distance, kl_divergence
from eigenlm.linalg.token_means import mean_over_tokens
from eigenlm.linear import DenseLinear, LinearMap
from eigenlm.observe import evaluating, experts_apart, linears, replaced, token_table
from eigenlm.observe.linears import TABLE
from eigenlm.observe.predictions import gives_vectors, logits_of, predicts_next, quick_products
from eigenlm.progress import track

NATS, COSINE = "nats a token", "of 1 - cosine, the mean over tokens"


@dataclass(frozen=True, kw_only=True)
class LossForecast:
    """What a change will cost, nats per token where it predicts tokens.

    Attributes:
        loss: for a model that predicts the next token, the increase of its nll; for one that tells the token at each
            place, as encoders do, the divergence of what it says there; for one that gives vectors, 1 - cosine of
            those before and after, the mean over tokens.
        divergence: KL(before || after) of what it predicts; of vectors, the same as the loss.
    """

    loss: Estimate
    divergence: Estimate


@torch.no_grad()
def forecast(
    module: nn.Module, matrices: Iterable[tuple[str, Float[Tensor, "_ _"]]], windows: Int[Tensor, "B T"]
) -> LossForecast:
    """Try a change on text that it was not fitted to; the module comes back as it was.

    The second-order closed form 1/2 E[(g . D x)^2] was tried first and is 20 to 45 % too low where the cost passes
    .03 nats (docs/log.md); a trial takes less time and has no such limit. Intervals are those of `mean_over_tokens`.

    Args:
        module: the model before the change.
        matrices: those that take the place of others, each with the name of its layer.
        windows: (B, T) token ids.
    """
    device = windows.device.type
    with quick_products(windows.device), evaluating(module), experts_apart(module):
        layers = linears(module) | token_table(module)
        quick = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        with torch.autocast(device, enabled=False):
            changed = {name: _of_matrix(W, layers[name], None if name == TABLE else quick) for name, W in matrices}
        return _tried(module, module, windows, lambda: replaced(module, changed))


def _of_matrix(W: Float[Tensor, "m n"], layer: LinearMap, dtype: torch.dtype | None) -> nn.Module:
    """A layer of another matrix: in the type in which products are made, or, as rows are looked up, in its own."""
    return DenseLinear.from_dense(W.to(dtype or layer.dense().dtype), layer.bias)


@torch.no_grad()
def loss_between(before: nn.Module, after: nn.Module, windows: Int[Tensor, "B T"]) -> LossForecast:
    """What it costs to take one module for another, told as by `forecast`.

    Args:
        before: the first.
        after: the second, of the same vocabulary.
        windows: (B, T) token ids.
    """
    with quick_products(windows.device), evaluating(before), evaluating(after):
        return _tried(before, after, windows, nullcontext)


def _tried(
    before: nn.Module, after: nn.Module, windows: Tensor, changed: Callable[[], AbstractContextManager[None]]
) -> LossForecast:
    """Both on each window, the second inside of what changes it."""
    losses: list[Tensor] = []
    divergences: list[Tensor] = []
    vectors = gives_vectors(before)
    told, apart = (nn.Module.__call__, cosine_distance) if vectors else (logits_of, kl_divergence)
    for ids_T in track(windows, "trying"):
        before_TV = told(before, ids_T[None])[0]
        with changed():
            after_TV = told(after, ids_T[None])[0]
        divergence_T = _by_rows(apart, before_TV, after_TV)
        loss_T = divergence_T
        if predicts_next(before):
            loss_T = _by_rows(_nll_increase, before_TV[:-1], after_TV[:-1], ids_T[1:])
        losses.append(loss_T.double().cpu())
        divergences.append(divergence_T.double().cpu())
    return LossForecast(loss=mean_over_tokens(losses), divergence=mean_over_tokens(divergences))


def _by_rows(told: Callable[..., Tensor], *given: Tensor) -> Tensor:
    """What is told of rows, a few at a time: in float32 they are many numbers."""
    return torch.cat([told(*rows) for rows in zip(*(each.split(LOGIT_ROWS) for each in given))])


def _nll_increase(before_RV: Tensor, after_RV: Tensor, ids_R: Tensor) -> Tensor:
    before, after = (
        nn.functional.cross_entropy(logits_RV.float(), ids_R, reduction="none").double()
        for logits_RV in (before_RV, after_RV)
    )
    return after - before
