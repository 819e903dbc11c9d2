"""Channels that stand out: the few numbers of a layer's input that are far larger than the rest, in every token."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

_RATIO = 6.0
_MOST = 8


@dataclass(frozen=True, kw_only=True)
class OutlierChannel:
    """One channel, that is one column of the matrix that reads it.

    Attributes:
        channel: its index, from 0.
        ratio: its root mean square over tokens, divided by the median of all channels'.
        energy_share: its part of the sum of squares of all channels.
    """

    channel: int
    ratio: float
    energy_share: float


def outlier_channels(mean_square: Float[Tensor, " n"]) -> tuple[int, tuple[OutlierChannel, ...]]:
    """How many channels have a root mean square of at least 6 times the median one, and the eight largest of them.

    LLM.int8() calls features of a magnitude of 6 or more outliers (arXiv:2208.07339, section 3.2), for models whose
    inputs have a magnitude of about 1; the median makes the same number hold at any scale. It is 0 where most channels
    are dead: then no channel counts as an outlier.

    >>> import torch
    >>> outlier_channels(torch.tensor([1.0, 1.0, 1.0, 100.0]))[1][0].ratio
    10.0
    """
    rms = mean_square.sqrt()
    median = rms.median()
    if median <= 0:
        return 0, ()
    ratios, channels = (rms / median).sort(descending=True, stable=True)
    count = int((ratios >= _RATIO).sum())
    shares = mean_square[channels] / mean_square.sum()
    listed = zip(*(values[: min(count, _MOST)].tolist() for values in (channels, ratios, shares)))
    return count, tuple(OutlierChannel(channel=c, ratio=r, energy_share=s) for c, r, s in listed)
