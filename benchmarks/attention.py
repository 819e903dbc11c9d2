"""Attention in training on a processor: blocks of products beside torch's fused kernel, forward and backward.

python benchmarks/attention.py [--rounds 9]
"""

import argparse
import time

import torch
import torch.nn.functional as F
from record import record, spread

from eigenlm.attention import Visibility
from eigenlm.attention.blocked import blocked_attention

SHAPES = [(8, 256, 6, 64), (4, 512, 6, 64), (2, 1024, 12, 64), (1, 2048, 12, 64)]


def fused(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Torch's kernel."""
    parts = (x.transpose(1, 2) for x in (query, key, value))
    return F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2)


def blocks(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Ours."""
    return blocked_attention(query, key, value, Visibility(causal=True))


def compare(shape: tuple[int, ...], rounds: int) -> dict:
    """Milliseconds of both, in turn, at one shape and in both precisions."""
    figures = {}
    for dtype in (torch.bfloat16, torch.float32):
        parts = [torch.randn(shape).to(dtype).requires_grad_() for _ in range(3)]
        grad, times = torch.randn(shape).to(dtype), {"blocks": [], "fused": []}
        for _ in range(rounds + 2):
            for name, act in (("blocks", blocks), ("fused", fused)):
                start = time.perf_counter()
                act(*parts).backward(grad)
                times[name].append(1e3 * (time.perf_counter() - start))
        kept = {name: values[2:] for name, values in times.items()}
        ratio = spread([b / a for a, b in zip(kept["blocks"], kept["fused"])])
        name = str(dtype).removeprefix("torch.")
        figures[name] = {**{n: spread(v) for n, v in kept.items()}, "fused_over_blocks": ratio}
    return figures


def main() -> None:
    """All shapes, two threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    figures = {f"B{B} T{T} H{H} K{K}": compare((B, T, H, K), arguments.rounds) for B, T, H, K in SHAPES}
    record("attention", {"what": "milliseconds, causal, forward and backward, 2 threads", "shapes": figures})


if __name__ == "__main__":
    main()
