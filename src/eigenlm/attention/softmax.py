"""Exact softmax attention by torch's fused kernels."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from eigenlm.attention.mask import Visibility


def softmax_attention(
    query: Float[Tensor, "B T H K"],
    key: Float[Tensor, "B S G K"],
    value: Float[Tensor, "B S G K"],
    visible: Visibility,
) -> Float[Tensor, "B T H K"]:
    """softmax(Q K^T / sqrt(K)) V, equal to `naive_attention` up to rounding, in memory linear in S."""
    return F.scaled_dot_product_attention(
        query.transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        attn_mask=visible.mask,
        is_causal=visible.causal,
        enable_gqa=query.shape[2] != key.shape[2],
    ).transpose(1, 2)
