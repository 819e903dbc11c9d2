"""What a machine can do, in the units that a training step is counted in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import psutil
import torch
import torch.nn.functional as F
from torch import Tensor

from eigenlm.attention import Visibility, softmax_attention
from eigenlm.errors import counted
from eigenlm.machine.facts import cores, product_rate, training_precision
from eigenlm.machine.heap import give_back_freed_memory
from eigenlm.machine.memory import free_memory
from eigenlm.machine.speed import median_seconds


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Amounts a second of one device in one precision; infinity where an amount costs nothing of its own.

    Attributes:
        products: operations of matrix products.
        attention_forward: operations of Q K^T and weights V, forward, softmax and copies included.
        attention_backward: operations of the forward whose backward is done in that time.
        activation_forward: numbers through gelu or silu.
        activation_backward: the same backward.
        moved: bytes read or written by additions, norms and casts.
    """

    products: float
    attention_forward: float
    attention_backward: float
    activation_forward: float
    activation_backward: float
    moved: float


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Equal devices and what joins them.

    Attributes:
        name: what a person calls it.
        device: `cpu` or `cuda`.
        devices: how many.
        devices_a_node: how many share the fast links.
        float32: rates in that precision.
        bfloat16: rates in that precision.
        softmax: logits a second through softmax and its gradient, in float32.
        updated: bytes a second that an optimizer reads and writes.
        call: seconds that an operation costs beside its work.
        memory: bytes of a device.
        base: bytes that the interpreter and the framework take before there is a model.
        link: bytes a second and direction between devices of a node; 0 for one device.
        network: bytes a second and direction of a device to other nodes.
    """

    name: str
    device: Literal["cpu", "cuda"]
    devices: int = 1
    devices_a_node: int = 1
    float32: Rates
    bfloat16: Rates
    softmax: float
    updated: float
    call: float
    memory: float
    base: float
    link: float = 0.0
    network: float = 0.0

    @property
    def faster_precision(self) -> str:
        """The precision that `eigenlm train` chooses there, if the recipe leaves it open."""
        return training_precision(self.float32.products, self.bfloat16.products)

    def rates(self, precision: str) -> Rates:
        """Of `float32` or `bfloat16`."""
        return self.float32 if precision == "float32" else self.bfloat16

    def seconds(self, work: Mapping[str, int | float], precision: str) -> float:
        """Sum of amount / rate over work by the names of rates, of the machine's own as well, and of `calls`."""
        rates = {**vars(self), **vars(self.rates(precision))}
        return sum(n * self.call if unit == "calls" else n / rates[unit] for unit, n in work.items())


def measure_machine(seconds: float = 1.2, processes: int = 1) -> Machine:
    """This machine's processor, measured with torch's current number of threads.

    `memory` is what a new process could have now, `base` what this process holds after the measurement: an interpreter
    with torch, whose kernels have been loaded.

    Args:
        seconds: for all measurements together.
        processes: ranks that share it, each with as many threads; where those are more than the cores they take turns.
    """
    median = partial(median_seconds, seconds=seconds / 15)
    single, half, others = _rates(torch.float32, median), _rates(torch.bfloat16, median), _other_rates(median)
    give_back_freed_memory()
    base, threads = psutil.Process().memory_info().rss, torch.get_num_threads()
    machine = Machine(
        name=f"this machine, {counted(threads, 'thread')}",
        device="cpu",
        float32=single,
        bfloat16=half,
        **others,
        memory=float(free_memory(torch.device("cpu")) + base),
        base=float(base),
    )
    return machine if processes == 1 else _shared(machine, processes, min(1.0, cores() / (processes * threads)))


def _shared(machine: Machine, processes: int, part: float) -> Machine:
    """As each of several processes has it, with a part of its rates; they talk through memory, in four copies."""
    single, half = (
        Rates(**{name: part * rate for name, rate in vars(rates).items()})
        for rates in (machine.float32, machine.bfloat16)
    )
    return replace(
        machine,
        name=f"{machine.name}, shared by {processes} processes",
        devices=processes,
        devices_a_node=processes,
        float32=single,
        bfloat16=half,
        softmax=part * machine.softmax,
        updated=part * machine.updated,
        call=machine.call / part,
        memory=machine.memory / processes,
        link=single.moved / 4,
    )


def _other_rates(median: Callable[..., float]) -> dict[str, Any]:
    logits_CV, few = torch.randn(256, 8192).bfloat16(), torch.zeros(8, requires_grad=True)
    weight = torch.nn.Parameter(torch.zeros(2**22))
    weight.grad = torch.zeros_like(weight)
    optimizer = torch.optim.AdamW([weight], fused=True)

    def chain() -> None:
        y = few
        for _ in range(32):
            y = y * 1.5
        y.sum().backward()

    return {
        "softmax": logits_CV.numel() / median(lambda: F.log_softmax(logits_CV.float(), dim=-1).exp_().bfloat16()),
        # Reads weight, gradient and two moments; writes all but the gradient.
        "updated": 7 * weight.nbytes / median(optimizer.step),
        "call": median(chain) / 64,
    }


def _rates(dtype: torch.dtype, median: Callable[..., float]) -> Rates:
    B, T, H, K = 4, 256, 6, 64
    x, q_BTHK = torch.randn(1024, 1024).to(dtype), torch.randn(B, T, H, K).to(dtype)
    stream = torch.zeros(2**22, dtype=dtype)

    def rates_of(name: str, amount: int, act: Callable[[Tensor], Tensor], x: Tensor) -> dict[str, float]:
        x = x.requires_grad_()
        y = act(x)
        forward, backward = median(lambda: act(x)), median(lambda: torch.autograd.grad(y, x, y, retain_graph=True))
        return {f"{name}_forward": amount / forward, f"{name}_backward": amount / backward}

    attend = partial(softmax_attention, visible=Visibility(causal=True))
    return Rates(
        products=product_rate(dtype),
        moved=3 * stream.nbytes / median(lambda: torch.add(stream, stream, out=stream)),
        **rates_of("activation", x.numel(), partial(F.gelu, approximate="tanh"), x),
        **rates_of("attention", 2 * K * H * B * T * (T + 1), lambda q: attend(q, q, q), q_BTHK),
    )
