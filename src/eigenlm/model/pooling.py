"""One vector of a text from those of its tokens."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Pooling = Literal["cls", "last", "max", "mean", "mean_sqrt_len", "weighted_mean"]


def pool(
    hidden_BTD: Float[Tensor, "B T D"], taken_BT: Bool[Tensor, "B T"], places_BT: Tensor, how: Pooling
) -> Float[Tensor, "B D"]:
    """The vectors of a text's tokens as one.

    Source: arXiv:1908.10084, section 3 (`cls`, `mean`, `max`), and sentence-transformers' `Pooling` for the others.

    Args:
        hidden_BTD: a vector for each token.
        taken_BT: which tokens count; at least one in each row.
        places_BT: the place of each token in its text, from 0.
        how: `cls` and `last` take the first and the last token's; `mean_sqrt_len` divides the sum by the square root of
            the number of tokens; in `weighted_mean` the token at place i counts i + 1 times.
    """
    rows = torch.arange(len(hidden_BTD), device=hidden_BTD.device)
    if how == "cls":
        return hidden_BTD[rows, taken_BT.int().argmax(dim=1)]
    if how == "last":
        return hidden_BTD[rows, taken_BT.shape[1] - 1 - taken_BT.flip(1).int().argmax(dim=1)]
    if how == "max":
        return hidden_BTD.masked_fill(~taken_BT[..., None], -torch.inf).amax(dim=1)
    weights_BT = (taken_BT * (places_BT + 1 if how == "weighted_mean" else 1)).to(hidden_BTD.dtype)
    total_B1 = weights_BT.sum(dim=1, keepdim=True)
    return (weights_BT[:, None] @ hidden_BTD)[:, 0] / (total_B1.sqrt() if how == "mean_sqrt_len" else total_B1)
