"""Exact softmax attention for training on a processor: blocks of queries, each a few matrix products.

Torch's fused kernel is far from the rate of a plain matrix product there, in its backward above all. These products are
not, and `benchmarks/attention.py` says by how much that is faster.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.attention.visibility import Visibility
from eigenlm.machine.kernels import softmax_backward

BLOCK = 128  # queries at once: products still run at full rate, and half of what causality hides is never computed
KEPT_BYTES = 2**25  # weights of a layer that are kept for the backward; beyond that they are computed again


def blocked_attention(
    query: Float[Tensor, "B T H K"],
    key: Float[Tensor, "B S H K"],
    value: Float[Tensor, "B S H K"],
    visible: Visibility,
) -> Float[Tensor, "B T H K"]:
    """softmax(Q K^T / sqrt(K)) V, equal to `naive_attention` up to rounding.

    Scores are rounded to the precision of the query. Source of the backward: arXiv:2205.14135, appendix B.4.
    """
    return _BlockedAttention.apply(query, key, value, visible)


class _BlockedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, visible: Visibility) -> Tensor:
        q_NTK = _heads_first(query) * query.shape[-1] ** -0.5
        k_NSK, v_NSK = _heads_first(key), _heads_first(value)
        out_NTK = torch.empty_like(q_NTK)
        kept: list[Tensor] = []
        keep = out_NTK.shape[0] * query.shape[1] * key.shape[1] * query.element_size() <= KEPT_BYTES
        for rows, seen in _blocks(query.shape[1], key.shape[1], visible):
            weights_NTS = _weights(q_NTK[:, rows], k_NSK[:, seen], rows, seen, visible)
            out_NTK[:, rows] = weights_NTS @ v_NSK[:, seen]
            if keep:
                kept.append(weights_NTS)
        ctx.save_for_backward(q_NTK, k_NSK, v_NSK, *kept)
        ctx.visible, ctx.num_heads = visible, query.shape[2]
        return _heads_last(out_NTK, query.shape[2])

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q_NTK, k_NSK, v_NSK, *kept = ctx.saved_tensors
        g_NTK = _heads_first(grad_out)
        dq_NTK, dk_NSK, dv_NSK = torch.empty_like(q_NTK), torch.zeros_like(k_NSK), torch.zeros_like(v_NSK)
        for i, (rows, seen) in enumerate(_blocks(q_NTK.shape[1], k_NSK.shape[1], ctx.visible)):
            q, k, v, g = q_NTK[:, rows], k_NSK[:, seen], v_NSK[:, seen], g_NTK[:, rows]
            weights_NTS = kept[i] if kept else _weights(q, k, rows, seen, ctx.visible)
            dscores_NTS = softmax_backward(g @ v.mT, weights_NTS)
            dv_NSK[:, seen] += weights_NTS.mT @ g
            dk_NSK[:, seen] += dscores_NTS.mT @ q
            dq_NTK[:, rows] = dscores_NTS @ k
        dq_NTK *= q_NTK.shape[-1] ** -0.5
        dq, dk, dv = (_heads_last(grad, ctx.num_heads) for grad in (dq_NTK, dk_NSK, dv_NSK))
        return dq, dk, dv, None


def _blocks(T: int, S: int, visible: Visibility) -> Iterator[tuple[slice, slice]]:
    """Rows of queries, and the keys that any of them may see."""
    for start in range(0, T, BLOCK):
        end = min(start + BLOCK, T)
        yield slice(start, end), slice(0, end if visible.causal else S)


def _weights(q_NTK: Tensor, k_NSK: Tensor, rows: slice, seen: slice, visible: Visibility) -> Tensor:
    scores_NTS = q_NTK @ k_NSK.mT
    if visible.causal:
        corner_NTT = scores_NTS[:, :, rows]
        corner_NTT += torch.full(corner_NTT.shape[1:], -torch.inf, dtype=corner_NTT.dtype).triu_(1)
    elif visible.mask is not None:
        mask_B1TS = visible.mask[..., rows, seen]
        scores_NTS.unflatten(0, (mask_B1TS.shape[0], -1)).masked_fill_(~mask_B1TS, -torch.inf)
    return scores_NTS.softmax(dim=-1)


def _heads_first(x_BTHK: Tensor) -> Tensor:
    return x_BTHK.transpose(1, 2).reshape(-1, x_BTHK.shape[1], x_BTHK.shape[3])


def _heads_last(x_NTK: Tensor, num_heads: int) -> Tensor:
    return x_NTK.unflatten(0, (-1, num_heads)).transpose(1, 2)
