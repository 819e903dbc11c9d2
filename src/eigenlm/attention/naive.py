"""The naive twin: attention as the formula says it, the truth that faster ways are tested against."""

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.attention.scores import PLAIN, Scores
from eigenlm.attention.visibility import Visibility


def naive_attention(
    query: Float[Tensor, "B T H K"],
    key: Float[Tensor, "B S G K"],
    value: Float[Tensor, "B S G K"],
    visible: Visibility,
    scores: Scores = PLAIN,
) -> Float[Tensor, "B T H K"]:
    """softmax(Q K^T / sqrt(K)) V for each head; H / G query heads share a key/value head.

    Returns the heads' outputs. Source: arXiv:1706.03762 (1); arXiv:2305.13245 for shared key/value heads.
    """
    weights_BHTS = attention_weights(query, key, visible, scores)
    value_BSHK = value.repeat_interleave(query.shape[2] // value.shape[2], dim=2)
    return torch.einsum("bhts,bshk->bthk", weights_BHTS, value_BSHK)


def attention_weights(
    query: Float[Tensor, "B T H K"], key: Float[Tensor, "B S G K"], visible: Visibility, scores: Scores = PLAIN
) -> Float[Tensor, "B H T S"]:
    """softmax(Q K^T / sqrt(K)): row t of a head is a distribution over the keys that query t sees."""
    T, S = query.shape[1], key.shape[1]
    scale = query.shape[-1] ** -0.5 if scores.scale is None else scores.scale
    key_BSHK = key.repeat_interleave(query.shape[2] // key.shape[2], dim=2)
    products_BHTS = torch.einsum("bthk,bshk->bhts", query, key_BSHK) * scale
    return scores.weights(products_BHTS, visible.places(T, S, query.device), visible.dense(T, S, query.device))
