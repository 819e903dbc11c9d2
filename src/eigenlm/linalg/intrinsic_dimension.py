"""How many dimensions a cloud of points has where it lies, by the distances to its two nearest neighbours."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

_FEWEST = 20
_HALVES = 200


@dataclass(frozen=True, kw_only=True)
class IntrinsicDimension:
    """An estimate with its interval.

    Attributes:
        value: the dimension.
        low: lower end of the 95 % interval over random halves of the points.
        high: upper end.
        num_points: distinct points that it was estimated from.
    """

    value: float
    low: float
    high: float
    num_points: int


def intrinsic_dimension(X: Float[Tensor, "C n"], *, seed: int = 0) -> IntrinsicDimension | None:
    """The TwoNN estimate of a cloud's dimension, from the ratio of each point's two nearest distances.

    Where the density is even, mu = r_2 / r_1 of a d-dimensional cloud follows P(mu > x) = x^-d whatever the density is
    (Facco et al., arXiv:1803.06992, equation 4), so that the most likely d is (C - 1) / sum ln(mu), with the C - 1 that
    makes it unbiased. The interval holds the middle 95 % of the estimates from random halves of the points, their
    neighbours being those among all: halves drawn without replacement scatter as the whole estimate does, and trust
    no law of mu. Neighbours of each other share distances, and tokens share texts: the true interval is a little wider.

    Points in many dimensions are rarely dense enough: above a dimension of about 10 the estimate from a thousand points
    falls below the truth (their figure 2).

    Args:
        X: C points in rows; repeated points count once.
        seed: of the halves.

    Returns:
        The estimate, or None for fewer than 20 distinct points.

    >>> X = torch.rand(500, 2, generator=torch.Generator().manual_seed(0)) @ torch.ones(2, 9)  # a line in 9 dimensions
    >>> round(intrinsic_dimension(X).value)
    1
    """
    log_ratios = _log_ratios(X.unique(dim=0))
    C = len(log_ratios)
    if C < _FEWEST:
        return None
    generator = torch.Generator().manual_seed(seed)
    halves = torch.stack([log_ratios[torch.randperm(C, generator=generator)[: C // 2]] for _ in range(_HALVES)])
    estimates = (C // 2 - 1) / halves.sum(1)
    low, high = estimates.quantile(torch.tensor([0.025, 0.975], dtype=estimates.dtype)).tolist()
    return IntrinsicDimension(value=float((C - 1) / log_ratios.sum()), low=low, high=high, num_points=C)


def _log_ratios(X: Tensor) -> Tensor:
    """ln(r_2 / r_1) of each point, without those that rounding put on their neighbours."""
    if len(X) < 3:
        return X.new_zeros(0, dtype=torch.float64, device="cpu")
    X = X.double().cpu()
    X = X - X.mean(0)  # float64 and no common part: products of neighbours far from zero would cancel
    distances = torch.cdist(X, X, compute_mode="use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    nearest, second = distances.topk(2, largest=False).values.unbind(1)
    return (second / nearest)[nearest > 0].log()
