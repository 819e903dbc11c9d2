"""The memory that a model will take, from its file's header: asked for once, before any of it is taken."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from eigenlm.checkpoint.opened import Opened
from eigenlm.machine.memory import check_memory
from eigenlm.text.tokenizer import Tokenizer

_SMALL = 24 << 20  # bytes of what is counted nowhere: pieces of a matrix on their way, modules imported late


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be done with a model once it is read.

    Attributes:
        num_bytes: the memory that it takes beside the weights, given the model in its file, its tokenizer, and the
            bytes of a number.
        do: what would take less.
        also_read: another model that is read beside this one.
    """

    num_bytes: Callable[[Opened, Tokenizer | None, int], int]
    do: str
    also_read: Opened | None = None


READING = Work(num_bytes=lambda *_: 0, do="take a smaller model, fewer bytes a number, or a larger machine")


def check_room(
    opened: Opened, tokenizer: Tokenizer | None, *, dtype: torch.dtype, device: torch.device, work: Work | None
) -> None:
    """Refuse a model that would not fit, with what it is read for.

    Raises:
        ConfigError: the message says what takes how much, what is free, and what would take less.
    """
    work = work or READING
    models = [opened] if work.also_read is None else [opened, work.also_read]
    weights = sum(weight_bytes(model, dtype) for model in models)
    later = work.num_bytes(opened, tokenizer, dtype.itemsize)
    narrowed = max(largest_decoded(model) for model in models) if dtype != torch.float32 else 0
    what = f"reading {' and '.join(str(model.path) for model in models)} as {str(dtype).removeprefix('torch.')}"
    check_memory(weights + max(narrowed, later) + _SMALL, device, what, work.do)


def weight_bytes(opened: Opened, dtype: torch.dtype) -> int:
    """Bytes of a model's tensors in memory."""
    tensors = opened.skeleton.state_dict().values()
    return sum(t.numel() * (dtype if t.is_floating_point() else t.dtype).itemsize for t in tensors)


def largest_decoded(opened: Opened) -> int:
    """Bytes of the largest tensor as it is decoded, in float32."""
    return 4 * max(math.prod(tensor.shape) for tensor in opened.skeleton.state_dict().values())
