"""From products of queries and keys to weights: scale, bias, cap, mask, softmax, sinks."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Bias = Callable[[Int[Tensor, "B T"], Int[Tensor, "B S"]], Float[Tensor, "B H T S"]]


@dataclass(frozen=True)
class Scores:
    """How scores are made.

    Attributes:
        scale: of the products q k; None for K^-1/2.
        bias: added to the scores, from the places of queries and keys (T5).
        softcap: scores s become softcap * tanh(s / softcap) (Gemma 2, arXiv:2408.00118).
        sinks: (H,) a score of no key, to which each head may give weight (gpt-oss).
    """

    scale: float | None = None
    bias: Bias | None = None
    softcap: float | None = None
    sinks: Float[Tensor, " H"] | None = None

    @property
    def are_plain(self) -> bool:
        """Whether they are products alone, as torch's kernels make them."""
        return self.bias is None and self.softcap is None and self.sinks is None

    def of_heads(self, heads: slice) -> "Scores":
        """How the scores of some of the heads are made."""
        bias = self.bias
        some = None if bias is None else lambda *places: bias(*places)[:, heads]
        return replace(self, bias=some, sinks=None if self.sinks is None else self.sinks[heads])

    def weights(
        self,
        products: Float[Tensor, "B H T S"],
        places: tuple[Int[Tensor, "#B T"], Int[Tensor, "#B S"]],
        mask: Bool[Tensor, "#B 1 T S"] | None,
    ) -> Float[Tensor, "B H T S"]:
        """Weights of each key for each query; a row's sum is 1, less what its sink takes.

        Args:
            products: q k / sqrt(K), or times `scale`.
            places: of queries and keys.
            mask: True where a query sees a key, None for everywhere.
        """
        scores_BHTS = products
        if self.softcap is not None:
            scores_BHTS = self.softcap * torch.tanh(scores_BHTS / self.softcap)
        if self.bias is not None:
            scores_BHTS = scores_BHTS + self.bias(*places).to(scores_BHTS.dtype)
        if mask is not None:
            scores_BHTS = scores_BHTS.masked_fill(~mask, -torch.inf)
        if self.sinks is None:
            return scores_BHTS.softmax(dim=-1)
        sinks_BHT1 = self.sinks.to(scores_BHTS.dtype)[:, None, None].expand(*scores_BHTS.shape[:3], 1)
        return torch.cat([scores_BHTS, sinks_BHT1], dim=-1).softmax(dim=-1)[..., :-1]


PLAIN = Scores()
