"""Gradients drawn from what a model tells, and passed back: their second moment says how much a change would matter."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.engine.room import LOGIT_ROWS
from eigenlm.model import Transformer
from eigenlm.model.head import Head
from eigenlm.observe.predictions import gives_vectors, logits_of


def backward_of_draws(
    module: nn.Module,
    ids: Int[Tensor, "B T"],
    generator: torch.Generator,
    *,
    after_each: Callable[[], None] = lambda: None,
) -> None:
    """Pass gradients back through a module, summed over tokens, whose second moment is the Gauss-Newton matrix.

    A transformer of ours is passed twice, first without gradients: then one block at a time holds its activations, and
    a few rows their logits.

    Args:
        module: gives logits, or is an encoder of ours that gives vectors.
        ids: (B, T) tokens.
        generator: that gradients are drawn by.
        after_each: called when a block is done.
    """
    if isinstance(module, Transformer) and _has_one_stack(module):
        _block_by_block(module, ids, generator, after_each)
    else:
        with torch.enable_grad():
            logits_CV = logits_of(module, ids).flatten(0, -2)
            logits_CV.backward(at_logits(logits_CV.detach(), generator))


def at_logits(logits: Float[Tensor, "C V"], generator: torch.Generator) -> Float[Tensor, "C V"]:
    """Gradients at logits whose second moment is that of the nll of labels drawn from the model: the Fisher matrix.

    It is diag(p) - p p^T, and a label y drawn from p has it with the gradient p - e_y (arXiv:1412.1193, section 9.2).
    So does S z with signs z and S = diag(sqrt(p)) - p sqrt(p)^T, for S S^T is the same; but where a model is sure of
    itself, labels are nearly always the likeliest and rarely another, from which little is learned of many tokens and
    much of few, while |S z|^2 is near its mean.
    """
    gradient = torch.empty_like(logits)
    for logits_RV, gradient_RV in zip(logits.split(LOGIT_ROWS), gradient.split(LOGIT_ROWS)):
        p_RV = logits_RV.float().softmax(dim=-1)
        signs_RV = torch.empty_like(p_RV).bernoulli_(0.5, generator=generator).mul_(2).sub_(1)
        drawn_RV = p_RV.sqrt().mul_(signs_RV)
        gradient_RV.copy_(drawn_RV - p_RV * drawn_RV.sum(dim=-1, keepdim=True))
    return gradient


def at_vectors(hidden: Float[Tensor, "B T D"], generator: torch.Generator) -> Float[Tensor, "B T D"]:
    """Gradients of v . u, summed over tokens, of each vector u = h / |h| and a v ~ N(0, I).

    The second moment of J^T v is J^T J, and |J dx|^2 / 2 is 1 - cosine of u before and after, to second order.
    """
    hidden = hidden.float().requires_grad_()
    u_BTD = nn.functional.normalize(hidden, dim=-1)
    (u_BTD * torch.randn(u_BTD.shape, generator=generator, device=u_BTD.device)).sum().backward()
    assert hidden.grad is not None
    return hidden.grad


def _has_one_stack(model: Transformer) -> bool:
    """Whether tokens go through the blocks and then, one by one, to logits or are told as vectors."""
    return model.config.kind != "encoder_decoder" and (isinstance(model.head, Head) or gives_vectors(model))


def _block_by_block(
    model: Transformer, ids: Tensor, generator: torch.Generator, after_each: Callable[[], None]
) -> None:
    place = model.place(ids)
    with torch.no_grad():
        entering = [model.embed(ids, place.positions, None)]
        for block in model.blocks:
            entering.append(block(entering[-1], place))
    with torch.enable_grad():
        x_BTD = entering.pop().requires_grad_()
        hidden_BTD = x_BTD if model.norm is None else model.norm(x_BTD)
        gradient_BTD = _at_hidden(model, hidden_BTD.detach(), generator)
        if model.norm is not None:
            gradient_BTD = _passed_back(hidden_BTD, x_BTD, gradient_BTD)
        after_each()
        for block in reversed(model.blocks):
            x_BTD = entering.pop().requires_grad_()
            gradient_BTD = _passed_back(block(x_BTD, place), x_BTD, gradient_BTD)
            after_each()
        embedded_BTD = model.embed(ids, place.positions, None)
        if embedded_BTD.requires_grad:
            embedded_BTD.backward(gradient_BTD)


def _at_hidden(model: Transformer, hidden: Tensor, generator: torch.Generator) -> Tensor:
    """Gradients at the last hidden vectors, from the logits of a few rows at a time."""
    if gives_vectors(model):
        return at_vectors(hidden, generator).to(hidden)
    parts = []
    for part_BRD in hidden.split(LOGIT_ROWS, dim=1):
        rows_BRD = part_BRD.detach().requires_grad_()
        logits_BRV = model.logits(rows_BRD)
        drawn_CV = at_logits(logits_BRV.detach().flatten(0, -2), generator)
        parts.append(_passed_back(logits_BRV, rows_BRD, drawn_CV.view(logits_BRV.shape)))
    return torch.cat(parts, dim=1)


def _passed_back(output: Tensor, entered: Tensor, gradient: Tensor) -> Tensor:
    output.backward(gradient.to(output))
    assert entered.grad is not None
    return entered.grad
