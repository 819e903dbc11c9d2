"""Whether numbers survive a narrower type."""

import math

import torch
from torch import Tensor

from eigenlm.errors import CheckpointError, explain

# The most of a tensor's norm that rounding may take, 1 % unless a type's own steps are coarser: half a step of each of
# 32 numbers beside the block's largest, which is 127 steps in Q8_0 and 8 in Q4_0; in Q4_1 15 steps are the range.
_FOUR_BITS = dict.fromkeys(("Q4_0", "Q4_1", "Q4_K", "IQ4_NL", "IQ4_XS", "MXFP4"), 0.4)
_TWO_BITS = dict.fromkeys(("Q2_K", "IQ2_S", "IQ2_XS", "IQ2_XXS"), 0.8)
_THREE_BITS = dict.fromkeys(("Q3_K", "IQ3_S", "IQ3_XXS"), 0.6)
_FIVE_BITS = dict.fromkeys(("Q5_0", "Q5_1", "Q5_K"), 0.2)
_MOST_LOST = {"Q8_0": 0.03, "Q6_K": 0.1, **_FIVE_BITS, **_FOUR_BITS, **_THREE_BITS, **_TWO_BITS}
_PIECE = 1 << 20  # numbers compared at a time
# The largest number that a type holds, and what rounding may take of a number too small for full precision: half a step
# of float16's subnormals, times the steps of a block where those are its scale, and the largest scale of a group.
_HOLDS = {
    "F32": (math.inf, 0.0),
    "BF16": (torch.finfo(torch.bfloat16).max, 2.0**-134),
    "F16": (65504.0, 2.0**-25),
    "Q8_0": (127 * 65504.0, 127 * 2.0**-25),
    "Q4_0": (8 * 65504.0, 8 * 2.0**-25),
    "Q4_1": (65504.0, 16 * 2.0**-25),
    "Q5_0": (16 * 65504.0, 16 * 2.0**-25),
    "Q5_1": (65504.0, 32 * 2.0**-25),
    "Q2_K": (15 * 65504.0, 15 * 4 * 2.0**-25),
    "Q3_K": (32 * 4 * 65504.0, 32 * 4 * 2.0**-25),
    "Q4_K": (63 * 65504.0, 63 * 16 * 2.0**-25),
    "Q5_K": (63 * 65504.0, 63 * 32 * 2.0**-25),
    "Q6_K": (128 * 32 * 65504.0, 128 * 32 * 2.0**-25),
    "IQ4_NL": (127 * 65504.0, 127 * 2.0**-25),
    "MXFP4": (12 * 2.0**124, 2.0**-126),
    "IQ4_XS": (32 * 127 * 65504.0, 32 * 127 * 2.0**-25),
    "IQ2_XXS": (31 * 43 / 8 * 65504.0, 31 * 43 / 8 * 2.0**-25),
    "IQ2_XS": (31 * 43 / 8 * 65504.0, 31 * 43 / 8 * 2.0**-25),
    "IQ2_S": (31 * 43 / 8 * 65504.0, 31 * 43 / 8 * 2.0**-25),
    "IQ3_S": (31 * 15 * 65504.0, 31 * 15 * 2.0**-25),
    "IQ3_XXS": (31 * 62 / 4 * 65504.0, 31 * 62 / 4 * 2.0**-25),
}


def surely_held(before: Tensor, storage: str) -> bool:
    """Whether the largest number and the norm of a tensor alone show that a type holds it, as nearly always.

    Args:
        before: finite numbers, at least one.
        storage: a type of GGUF.
    """
    largest, lost = _HOLDS[storage]
    ends = [abs(float(end)) for end in before.aminmax()]
    most = _MOST_LOST.get(storage, 0.01) * float(torch.linalg.vector_norm(before))
    return max(ends) <= largest and lost * math.sqrt(before.numel()) <= most / 10


def check_narrowed(name: str, before: Tensor, after: Tensor, storage: str) -> None:
    """Refuse a type in which a tensor becomes infinite, or vanishes.

    Args:
        name: of the tensor.
        before: finite numbers.
        after: what is read back of them.
        storage: the type between.

    Raises:
        CheckpointError: some became infinite or NaN, or rounding took more than it does to numbers that the type holds.
    """
    pieces = zip(before.flatten().split(_PIECE), after.flatten().split(_PIECE))
    norms = [(_norm(b - a), _norm(b)) for b, a in pieces]
    lost, whole = (math.hypot(*side) for side in zip(*norms))
    if not lost <= _MOST_LOST.get(storage, 0.01) * whole:
        do = f"choose a wider type than {storage}"
        got = f"numbers up to {float(before.abs().max()):.3g} that become others"
        raise CheckpointError(explain(f"tensor {name}", expected=f"numbers that {storage} holds", got=got, do=do))


def _norm(numbers: Tensor) -> float:
    return float(torch.linalg.vector_norm(numbers, dtype=torch.float64))
