"""How sure a mean of differences is."""

import math

import torch
from jaxtyping import Float
from scipy.stats import t as student
from torch import Tensor

from eigenlm.estimate import Estimate


def paired_mean(differences_W: Float[Tensor, " W"], weights_W: Float[Tensor, " W"] | None = None) -> Estimate:
    """m = sum of differences / sum of weights, with Student's 95 % interval of W - 1 degrees of freedom.

    The variance is that of a ratio, W / (W - 1) sum_w (d_w - m weight_w)^2 / (sum of weights)^2. Source: Cochran 1977,
    equation 6.13. One window says nothing of how far others lie: its interval is all numbers.

    >>> paired_mean(torch.tensor([1.0, 2.0, 3.0])).low.__round__(4)
    -0.4841

    Args:
        differences_W: of each of W windows (here not a matrix), after less before.
        weights_W: of each window; 1 by default, for the plain mean.
    """
    d_W = differences_W.double()
    weights_W = torch.ones_like(d_W) if weights_W is None else weights_W.double()
    W, total, mean = len(d_W), float(weights_W.sum()), float(d_W.sum() / weights_W.sum())
    if W < 2:
        return Estimate(value=mean, low=-math.inf, high=math.inf)
    error = math.sqrt(W / (W - 1)) * float((d_W - mean * weights_W).norm()) / total
    half = float(student.ppf(0.975, W - 1)) * error
    return Estimate(value=mean, low=mean - half, high=mean + half)
