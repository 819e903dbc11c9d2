"""Which numbers a machine trains fastest with, measured and not told."""

import torch

from eigenlm.machine.facts import product_rate, training_precision
from eigenlm.training.recipe import Precision


def choose_precision(wanted: Precision, device: torch.device) -> Precision:
    """`float32` or `bfloat16` for activations; `auto` takes the one of `training_precision`.

    Args:
        wanted: what the recipe says.
        device: where it will run.
    """
    if wanted != "auto":
        return wanted
    return training_precision(*(product_rate(dtype, device) for dtype in (torch.float32, torch.bfloat16)))
