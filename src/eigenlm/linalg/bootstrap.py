"""How sure a mean is, from drawing its terms again."""

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.estimate import Estimate


def paired_mean(
    differences_W: Float[Tensor, " W"], weights_W: Float[Tensor, " W"] | None = None, *, draws: int = 2000
) -> Estimate:
    """Sum of differences over sum of weights, with the percentile interval of the paired bootstrap.

    Source: Efron and Tibshirani 1993, chapter 13.

    Args:
        differences_W: of each of W windows (here not a matrix), after less before.
        weights_W: of each window; 1 by default, for the plain mean.
        draws: how often windows are drawn again.
    """
    differences_W = differences_W.double()
    weights_W = torch.ones_like(differences_W) if weights_W is None else weights_W.double()
    W = len(differences_W)
    picked = torch.randint(W, (draws, W), generator=torch.Generator().manual_seed(0))
    means = differences_W[picked].sum(1) / weights_W[picked].sum(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Estimate(value=float(differences_W.sum() / weights_W.sum()), low=low, high=high)
