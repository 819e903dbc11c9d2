"""What is found out about this machine once in a process, and then the same for whoever asks."""

import os
from functools import cache
from typing import Literal

import torch

from eigenlm.machine.speed import gemm_rate

_SECONDS, _TRIES = 0.05, 3  # for each rate; what else the machine does can only slow it down
_GAIN = 1.3  # casts cost something: without instructions for bfloat16 the rates are equal or bfloat16's is lower


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def product_rate(dtype: torch.dtype, device: torch.device | str = "cpu") -> float:
    """Operations a second of a large matrix product, with torch's present number of threads; measured once.

    Args:
        dtype: of the matrices.
        device: where.
    """
    return _measured(dtype, torch.device(device), torch.get_num_threads())


def training_precision(float32: float, bfloat16: float) -> Literal["float32", "bfloat16"]:
    """The precision that a machine trains in if it may choose: bfloat16 if its products are faster by 30 %.

    Args:
        float32: rate of products in float32.
        bfloat16: rate of products in bfloat16.
    """
    return "bfloat16" if bfloat16 > _GAIN * float32 else "float32"


@cache
def _measured(dtype: torch.dtype, device: torch.device, threads: int) -> float:
    return 1e9 * max(gemm_rate(dtype, device, _SECONDS) for _ in range(_TRIES))
