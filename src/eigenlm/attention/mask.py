"""Which key a query may see, as a function of positions alone."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class Visibility:
    """What attention may look at: everything, everything up to the query itself, or what `mask` says.

    Attributes:
        causal: query t of T sees keys 0..t of as many keys; then `mask` is None.
        mask: True where a query may see a key, broadcastable to (B, H, T, S); None for no restriction beyond `causal`.
    """

    causal: bool = False
    mask: Bool[Tensor, "B 1 T S"] | None = None


def visibility(
    query_positions: Int[Tensor, "B T"],
    key_positions: Int[Tensor, "B S"],
    *,
    causal: bool,
    window: int | None = None,
    documents: Int[Tensor, "B T"] | None = None,
) -> Visibility:
    """See key j from query i iff both are real, and j <= i when causal, and i - j < window when there is one.

    A position of -1 marks padding. Padding sees padding, so that no row of the softmax is empty.

    Args:
        query_positions: (B, T) places of the queries in their text, -1 for padding.
        key_positions: (B, S) places of the keys, -1 for padding.
        causal: whether the future is hidden.
        window: how many of the latest keys, itself included, a query sees; None for all.
        documents: (B, T) the document of each token, where queries and keys are the same tokens: only keys of a query's
            own are seen.
    """
    q_BT1, k_B1S = query_positions[:, :, None], key_positions[:, None, :]
    visible_BTS = (k_B1S >= 0) | (q_BT1 < 0)
    if causal:
        visible_BTS = visible_BTS & (k_B1S <= q_BT1)
    if window is not None:
        visible_BTS = visible_BTS & ((q_BT1 - k_B1S < window) | (q_BT1 < 0))
    if documents is not None:
        visible_BTS = visible_BTS & (documents[:, :, None] == documents[:, None, :])
    if bool(visible_BTS.all()):
        return Visibility()
    T, S = visible_BTS.shape[1:]
    if T == S and torch.equal(visible_BTS, torch.ones_like(visible_BTS).tril()):
        return Visibility(causal=True)
    return Visibility(mask=visible_BTS[:, None])
