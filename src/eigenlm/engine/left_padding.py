"""Rows of unequal length in one tensor."""

from collections.abc import Sequence

import torch
from torch import Tensor


def left_padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of unequal length as (B, T) ids and positions, filled on the left with token 0 at position -1."""
    width = max(len(row) for row in rows)
    ids = torch.stack([torch.cat([row.new_zeros(width - len(row)), row]) for row in rows])
    places = torch.arange(width, device=ids.device)
    offsets = torch.tensor([width - len(row) for row in rows], device=ids.device)
    return ids, (places - offsets[:, None]).clamp(min=-1)
