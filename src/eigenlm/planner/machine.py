"""What a machine can do, in the units that a training step is counted in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import psutil
import torch
import torch.nn.functional as F
from torch import Tensor

from eigenlm.attention import Visibility, softmax_attention
from eigenlm.machine.facts import product_rate, training_precision
from eigenlm.machine.heap import give_back_freed_memory
from eigenlm.machine.memory import free_memory
from eigenlm.machine.speed import median_seconds

Device = Literal["cpu", "cuda"]


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
    device: Device
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

    def rates(self, precision: str) -> Rates:
        """Of `float32` or `bfloat16`."""
        return self.float32 if precision == "float32" else self.bfloat16


def measure_machine(seconds: float = 1.2) -> Machine:
    """This machine's processor, measured with torch's current number of threads.

    `memory` is what a new process could have now, `base` what this process holds after the measurement: an interpreter
    with torch, whose kernels have been loaded.

    Args:
        seconds: for all measurements together.
    """
    part = seconds / 15
    single, half = _rates(torch.float32, part), _rates(torch.bfloat16, part)
    softmax, updated, call = _softmax_rate(part), _update_rate(part), _call_seconds(part)
    base = _resident_bytes()
    return Machine(
        name=f"this machine, {torch.get_num_threads()} threads",
        device="cpu",
        float32=single,
        bfloat16=half,
        softmax=softmax,
        updated=updated,
        call=call,
        memory=float(free_memory(torch.device("cpu")) + base),
        base=float(base),
    )


def faster_precision(machine: Machine) -> str:
    """The precision that `eigenlm train` chooses there, if the recipe leaves it open."""
    return training_precision(machine.float32.products, machine.bfloat16.products)


def _rates(dtype: torch.dtype, seconds: float) -> Rates:
    x, stream = torch.randn(1024, 1024).to(dtype), torch.zeros(2**22, dtype=dtype)
    moved = 3 * stream.nbytes / median_seconds(lambda: torch.add(stream, stream, out=stream), seconds=seconds)
    gelu_forward, gelu_backward = _there_and_back(lambda x: F.gelu(x, approximate="tanh"), x, seconds=seconds)
    B, T, H, K = 4, 256, 6, 64
    q_BTHK = torch.randn(B, T, H, K).to(dtype)
    forward, backward = _there_and_back(
        lambda q: softmax_attention(q, q, q, Visibility(causal=True)), q_BTHK, seconds=seconds
    )
    work = 4 * K * H * B * T * (T + 1) / 2
    return Rates(
        products=product_rate(dtype),
        attention_forward=work / forward,
        attention_backward=work / backward,
        activation_forward=x.numel() / gelu_forward,
        activation_backward=x.numel() / gelu_backward,
        moved=moved,
    )


def _there_and_back(act: Callable[[Tensor], Tensor], x: Tensor, seconds: float) -> tuple[float, float]:
    x = x.detach().requires_grad_()
    y = act(x)
    forward = median_seconds(lambda: act(x), seconds=seconds)
    return forward, median_seconds(lambda: torch.autograd.grad(y, x, y, retain_graph=True), seconds=seconds)


def _resident_bytes() -> int:
    """Of this process, after what malloc holds unused has gone back to the system, where the C library can do that."""
    give_back_freed_memory()
    return psutil.Process().memory_info().rss


def _softmax_rate(seconds: float) -> float:
    logits_CV = torch.randn(256, 8192).bfloat16()

    def softmax() -> Tensor:
        return F.log_softmax(logits_CV.float(), dim=-1).exp_().bfloat16()

    return logits_CV.numel() / median_seconds(softmax, seconds=seconds)


def _update_rate(seconds: float) -> float:
    weight = torch.nn.Parameter(torch.zeros(2**22))
    weight.grad = torch.zeros_like(weight)
    optimizer = torch.optim.AdamW([weight], fused=True)
    # Reads weight, gradient and two moments; writes all but the gradient.
    return 7 * weight.nbytes / median_seconds(optimizer.step, seconds=seconds)


def _call_seconds(seconds: float) -> float:
    x = torch.zeros(8, requires_grad=True)

    def chain() -> None:
        y = x
        for _ in range(32):
            y = y * 1.5
        y.sum().backward()

    return median_seconds(chain, seconds=seconds) / 64
