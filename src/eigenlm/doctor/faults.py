"""Faults of torch that would make a result wrong or slow, found by a small experiment each and not by version."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from eigenlm.machine.kernels import processor_flash_attention


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault and whether this torch has it.

    Attributes:
        name: the operation and what is wrong with it.
        present: None when this torch lacks the operation.
        seen: what the experiment gave.
        instead: what eigenlm does, whether the fault is there or not.
    """

    name: str
    present: bool | None
    seen: str
    instead: str


@dataclass(frozen=True)
class _Probe:
    name: str
    instead: str
    experiment: Callable[[], tuple[bool, str]]


def probe_faults() -> tuple[Fault, ...]:
    """Try every known fault on the processor; about a second."""
    return tuple(_try(probe) for probe in _PROBES)


def _try(probe: _Probe) -> Fault:
    generator_state = torch.get_rng_state()
    try:
        torch.manual_seed(0)
        present, seen = probe.experiment()
    except AttributeError:
        return Fault(name=probe.name, present=None, seen="not in this torch", instead=probe.instead)
    finally:
        torch.set_rng_state(generator_state)
    return Fault(name=probe.name, present=present, seen=seen, instead=probe.instead)


def _chunked_loss() -> tuple[bool, str]:
    """The loss itself is summed in bfloat16 over the chunks, though the gradients are right."""
    C, D, V = 256, 64, 8192
    x, W, target = torch.randn(C, D).bfloat16(), torch.randn(V, D).bfloat16() * 0.1, torch.randint(V, (C,))
    truth = F.cross_entropy(x.double() @ W.double().mT, target).item()
    options = torch.nn.LinearCrossEntropyOptions()
    loss = F.linear_cross_entropy(x, W, target, options=options).item()
    # bfloat16 keeps 8 bits, so that an honest mean of it is within 1/256.
    return abs(loss - truth) > truth / 256, f"{loss:.3f} for {truth:.3f}"


def _empty_row() -> tuple[bool, str]:
    """log sum exp over no key is -inf; 0 would weigh an empty piece like a full one when pieces are merged."""
    x_BHTK = torch.randn(1, 1, 4, 8)
    hidden = torch.full((1, 1, 4, 4), -torch.inf)
    _, lse = processor_flash_attention(x_BHTK, x_BHTK, x_BHTK, hidden)
    return bool((lse != -torch.inf).any()), f"log-sum-exp {lse.flatten()[0].item():g} of no keys"


def _flex_backward() -> tuple[bool, str]:
    from torch.nn.attention.flex_attention import flex_attention

    x_BHTK = torch.randn(1, 1, 16, 16, requires_grad=True)
    try:
        flex_attention(x_BHTK, x_BHTK, x_BHTK).sum().backward()
    except NotImplementedError:
        return True, "refuses"
    return False, "runs"


def _row_variance() -> tuple[bool, str]:
    """A matrix product may sum in another order when it has more rows; tokens can then differ at a near tie."""
    x, W = torch.randn(8, 576), torch.randn(1536, 576)
    gap = (F.linear(x, W)[:1] - F.linear(x[:1], W)).abs().max().item()
    return gap > 0, f"one row alone or among eight: {gap:.1e} apart"


_PROBES = (
    _Probe(
        "F.linear_cross_entropy: wrong loss in chunks of bfloat16",
        "losses are F.linear, then F.cross_entropy in float32",
        _chunked_loss,
    ),
    _Probe(
        "flash attention on a CPU: log-sum-exp of a row without keys",
        "padding sees padding, so that no row is without keys",
        _empty_row,
    ),
    _Probe(
        "FlexAttention: no gradient on a CPU",
        "attention is scaled_dot_product_attention",
        _flex_backward,
    ),
    _Probe(
        "F.linear float32: a row's bits depend on its neighbours",
        "cached and batched logits are equal to a tolerance, not to the bit",
        _row_variance,
    ),
)
