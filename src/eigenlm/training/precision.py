"""Which numbers a machine trains fastest with, measured and not told."""

import torch

from eigenlm.linalg.speed import gemm_rate
from eigenlm.training.recipe import Precision

_SECONDS = 0.025  # for each of the two rates
_GAIN = 1.3  # casts cost something: without instructions for bfloat16 the rates are equal or bfloat16's is lower


def choose_precision(wanted: Precision, device: torch.device) -> Precision:
    """`float32` or `bfloat16` for activations; `auto` takes bfloat16 where its products are the faster by a third.

    Args:
        wanted: what the recipe says.
        device: where it will run.
    """
    if wanted != "auto":
        return wanted
    slow, fast = (gemm_rate(dtype, device, _SECONDS) for dtype in (torch.float32, torch.bfloat16))
    return "bfloat16" if fast > _GAIN * slow else "float32"
