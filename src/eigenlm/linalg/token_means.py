"""Means over the tokens of a text that was read in windows, and how sure they are."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.estimate import Estimate
from eigenlm.linalg.clustered_share import clustered_share
from eigenlm.linalg.paired import paired_mean

_FEWEST = 8  # terms of a mean with an interval; of four, Student's is 1.6 times as wide as the normal's


def mean_over_tokens(windows: Sequence[Float[Tensor, " _"]]) -> Estimate:
    """The mean, with the interval of windows as `paired_mean` has it, or of equal parts of them where they are few.

    Tokens of one window are alike; windows of one text are much less so.

    Args:
        windows: a number for each token of each window.

    >>> mean_over_tokens([torch.zeros(4), torch.ones(4)]).value
    0.5
    """
    return paired_mean(*_sums_and_sizes(windows))


def share_of_tokens(windows: Sequence[Float[Tensor, " _"]]) -> Estimate:
    """The share of tokens that count, with the interval of `clustered_share` over windows, or parts of them.

    Args:
        windows: 1 or 0 for each token of each window.

    >>> share_of_tokens([torch.zeros(4), torch.ones(4)]).value
    0.5
    """
    return clustered_share(*_sums_and_sizes(windows))


def _sums_and_sizes(windows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    parts = math.ceil(_FEWEST / len(windows))
    blocks = [block for window in windows for block in window.double().cpu().tensor_split(parts) if len(block)]
    return torch.stack([block.sum() for block in blocks]), torch.tensor([float(len(block)) for block in blocks])
