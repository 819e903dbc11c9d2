"""Exact softmax attention by whatever computes it fastest here."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from eigenlm.attention.blocked import blocked_attention
from eigenlm.attention.mask import Visibility


def softmax_attention(
    query: Float[Tensor, "B T H K"],
    key: Float[Tensor, "B S G K"],
    value: Float[Tensor, "B S G K"],
    visible: Visibility,
) -> Float[Tensor, "B T H K"]:
    """softmax(Q K^T / sqrt(K)) V, equal to `naive_attention` up to rounding, in memory linear in S."""
    if _products_are_faster(query):
        shared = query.shape[2] // key.shape[2]
        key, value = (x.repeat_interleave(shared, dim=2) if shared > 1 else x for x in (key, value))
        return blocked_attention(query, key, value, visible)
    return F.scaled_dot_product_attention(
        query.transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        attn_mask=visible.mask,
        is_causal=visible.causal,
        enable_gqa=query.shape[2] != key.shape[2],
    ).transpose(1, 2)


def _products_are_faster(query: Tensor) -> bool:
    """In training on a processor that multiplies bfloat16, where torch's fused backward is slow."""
    return query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.requires_grad
