"""Exact softmax attention by whatever computes it fastest here."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from eigenlm.attention.blocked import blocked_attention
from eigenlm.attention.scores import PLAIN, Scores
from eigenlm.attention.visibility import Visibility

BLOCK = 256  # queries at once where a window or the form of the scores asks for blocks


def softmax_attention(
    query: Float[Tensor, "B T H K"],
    key: Float[Tensor, "B S G K"],
    value: Float[Tensor, "B S G K"],
    visible: Visibility,
    scores: Scores = PLAIN,
) -> Float[Tensor, "B T H K"]:
    """softmax(Q K^T / sqrt(K)) V, equal to `naive_attention` up to rounding, in memory linear in S.

    With a window the work is linear in T too.
    """
    if not scores.are_plain:
        return torch.cat([_scored(query, key, value, visible, scores, rows) for rows in _blocks(query.shape[1])], dim=1)
    T, S = query.shape[1], key.shape[1]
    if visible.mask is None and (visible.window is not None or (visible.causal and 1 < T < S)):
        return torch.cat([_fused(query, key, value, visible, scores, rows) for rows in _blocks(T)], dim=1)
    if _products_are_faster(query) and scores.scale is None:
        shared = query.shape[2] // key.shape[2]
        key, value = (x.repeat_interleave(shared, dim=2) if shared > 1 else x for x in (key, value))
        return blocked_attention(query, key, value, visible)
    return F.scaled_dot_product_attention(
        query.transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        attn_mask=visible.mask,
        is_causal=visible.causal and T > 1,
        scale=scores.scale,
        enable_gqa=query.shape[2] != key.shape[2],
    ).transpose(1, 2)


def _blocks(T: int) -> Iterator[slice]:
    for start in range(0, T, BLOCK):
        yield slice(start, min(start + BLOCK, T))


def _fused(query: Tensor, key: Tensor, value: Tensor, visible: Visibility, scores: Scores, rows: slice) -> Tensor:
    """Some queries by torch's kernel, over the keys that any of them sees."""
    T, S = query.shape[1], key.shape[1]
    keys = visible.keys(rows, T, S)
    return F.scaled_dot_product_attention(
        query[:, rows].transpose(1, 2),
        key[:, keys].transpose(1, 2),
        value[:, keys].transpose(1, 2),
        attn_mask=visible.block(rows, keys, T, S, query.device),
        scale=scores.scale,
        enable_gqa=query.shape[2] != key.shape[2],
    ).transpose(1, 2)


def _scored(query: Tensor, key: Tensor, value: Tensor, visible: Visibility, scores: Scores, rows: slice) -> Tensor:
    """Some queries by plain products, with scores that torch's kernels do not make."""
    T, S, G = query.shape[1], key.shape[1], key.shape[2]
    keys = visible.keys(rows, T, S)
    scale = query.shape[-1] ** -0.5 if scores.scale is None else scores.scale
    q_BGNTK = query[:, rows].unflatten(2, (G, -1)).permute(0, 2, 3, 1, 4) * scale
    k_BGSK, v_BGSK = key[:, keys].transpose(1, 2), value[:, keys].transpose(1, 2)
    products_BHTS = torch.einsum("bgntk,bgsk->bgnts", q_BGNTK, k_BGSK).flatten(1, 2)
    q_places, k_places = visible.places(T, S, query.device)
    mask = visible.block(rows, keys, T, S, query.device)
    weights_BHTS = scores.weights(products_BHTS, (q_places[:, rows], k_places[:, keys]), mask)
    return torch.einsum("bgnts,bgsk->btgnk", weights_BHTS.unflatten(1, (G, -1)), v_BGSK).flatten(2, 3)


def _products_are_faster(query: Tensor) -> bool:
    """In training on a processor that multiplies bfloat16, where torch's fused backward is slow."""
    return query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.requires_grad
