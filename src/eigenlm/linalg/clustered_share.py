"""How well a share is known that was counted in groups whose cases are alike."""

from jaxtyping import Float
from scipy.stats import norm
from scipy.stats import t as student
from torch import Tensor

from eigenlm.estimate import Estimate
from eigenlm.linalg.wilson import wilson


def clustered_share(counts_W: Float[Tensor, " W"], totals_W: Float[Tensor, " W"]) -> Estimate:
    """p = sum of counts / sum of totals, with Wilson's 95 % interval for as many independent cases as these are worth.

        n = min(p (1 - p) / v, N) * (z / t_{W-1})^2,   v = W / (W - 1) sum_w (c_w - p n_w)^2 / N^2

    N cases in W groups are worth n independent ones, which v, the variance of a ratio, tells (Korn and Graubard 1998,
    with Wilson's interval instead of Clopper and Pearson's). The ends stay within 0 and 1, and where all cases agree
    the interval still has a width. One group says nothing of others: its interval is 0 to 1.

    >>> import torch
    >>> print(clustered_share(torch.tensor([9.0, 8.0, 10.0]), torch.tensor([10.0, 10.0, 10.0])))
    0.9 (0.4861 to 0.9885)

    Args:
        counts_W: cases of each of W groups (here not a matrix) that count.
        totals_W: all cases of each.
    """
    counts_W, totals_W = counts_W.double(), totals_W.double()
    W, total, share = len(counts_W), float(totals_W.sum()), float(counts_W.sum() / totals_W.sum())
    if W < 2:
        return Estimate(value=share, low=0.0, high=1.0)
    variance = W / (W - 1) * float((counts_W - share * totals_W).square().sum()) / total**2
    worth = min(share * (1 - share) / variance, total) if variance > 0 else total
    worth *= float(norm.ppf(0.975) / student.ppf(0.975, W - 1)) ** 2
    return wilson(share * worth, worth)
