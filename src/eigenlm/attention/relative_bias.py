"""T5's positions: a learned number for each head and each bucket of distances, added to the scores."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class RelativeBiasConfig:
    """Buckets of distances; source: arXiv:1910.10683, section 2.1.

    Attributes:
        num_buckets: how many.
        max_distance: distances from here on share the last bucket.
        bidirectional: whether keys after the query have half of the buckets, or share that of distance 0.
    """

    num_buckets: int = 32
    max_distance: int = 128
    bidirectional: bool = False


class RelativeBias(nn.Embedding):
    """One number for each bucket (rows) and head (columns)."""

    def __init__(self, config: RelativeBiasConfig, num_heads: int) -> None:
        super().__init__(config.num_buckets, num_heads)
        self.config = config

    def forward(  # type: ignore[override]
        self, query_positions: Int[Tensor, "B T"], key_positions: Int[Tensor, "B S"]
    ) -> Float[Tensor, "B H T S"]:
        """What is added to the scores of each query and key."""
        distance_BTS = key_positions[:, None, :] - query_positions[:, :, None]
        return super().forward(bucket(distance_BTS, self.config)).permute(0, 3, 1, 2)


def bucket(distance: Int[Tensor, "*sizes"], config: RelativeBiasConfig) -> Int[Tensor, "*sizes"]:
    """The bucket of a key `distance` places after its query: exact for near ones, logarithmic for far ones."""
    count = config.num_buckets
    if config.bidirectional:
        count //= 2
        first, away = (distance > 0).long() * count, distance.abs()
    else:
        first, away = torch.zeros_like(distance), (-distance).clamp(min=0)
    exact = count // 2
    share = (away.clamp(min=1).float() / exact).log() / math.log(config.max_distance / exact)
    far = (exact + (share * (count - exact)).long()).clamp(max=count - 1)
    return first + torch.where(away < exact, away, far)
