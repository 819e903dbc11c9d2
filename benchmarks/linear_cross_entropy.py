"""Head and cross-entropy in chunks beside full logits: memory and time, forward and backward, and what the loss is.

python benchmarks/linear_cross_entropy.py [--rounds 7]

4,096 rows of width 384 and a vocabulary of 50,304 in bfloat16, float32 master weights, two threads. Memory is the
growth of a fresh process's peak; the gradients of hidden and weight, which both ways need, are subtracted.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from record import record, spread

from eigenlm.training.losses import linear_cross_entropy

N, D, V = 4096, 384, 50304
NEEDED = N * D * 2 + V * D * 4  # gradients


def full(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """As it is usually written."""
    return F.cross_entropy(F.linear(hidden, weight.to(hidden.dtype)).float(), targets, reduction="sum")


WAYS = {"chunked": linear_cross_entropy, "full": full}


def problem() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hidden vectors, weights and targets."""
    torch.manual_seed(0)
    hidden = torch.randn(N, D).bfloat16().requires_grad_()
    return hidden, (torch.randn(V, D) * 0.05).requires_grad_(), torch.randint(0, V, (N,))


def peak_bytes() -> int:
    """The largest resident size this process has had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def memory(way: str) -> None:
    """In a child process: print the growth of the peak in bytes."""
    parts = problem()
    # Kernels and thread pools are loaded by a small run of the same.
    WAYS[way](parts[0][:32], parts[1][:64], parts[2][:32] % 64).backward()
    parts[0].grad = parts[1].grad = None
    before = peak_bytes()
    WAYS[way](*parts).backward()
    print(peak_bytes() - before)


def main() -> None:
    """Memory once each, times in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    if arguments.memory:
        memory(arguments.memory)
        return
    grown = {}
    for way in WAYS:
        done = subprocess.run([sys.executable, __file__, "--memory", way], capture_output=True, text=True, check=True)
        grown[way] = json.loads(done.stdout)
    extra = {way: max(value - NEEDED, 0) for way, value in grown.items()}
    parts = problem()
    exact = F.cross_entropy(
        parts[0].detach().double() @ parts[1].detach().bfloat16().double().mT, parts[2], reduction="sum"
    )
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    loss = {}
    for _ in range(arguments.rounds):
        for way, act in WAYS.items():
            parts[0].grad = parts[1].grad = None
            start = time.perf_counter()
            value = act(*parts)
            value.backward()
            seconds[way].append(time.perf_counter() - start)
            loss[way] = float(value.detach().double() / exact - 1)
    record(
        "linear_cross_entropy",
        {
            "what": f"head and loss, {N} rows, width {D}, vocabulary {V}, bfloat16, forward and backward, 2 threads",
            "must": "extra memory <= 1/4 of full logits', time <= 0.9; aim 1/20",
            "peak_growth_bytes": grown,
            "extra_bytes": extra,
            "memory_ratio": extra["chunked"] / extra["full"],
            "seconds": {way: spread(values) for way, values in seconds.items()},
            "time_ratio": spread([a / b for a, b in zip(seconds["chunked"], seconds["full"])]),
            "relative_error_of_the_loss_against_float64": loss,
        },
    )


if __name__ == "__main__":
    main()
