"""How many dimensions a cloud of points has where it lies, by the distances to its two nearest neighbours."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from eigenlm.linalg.seeded import seeded

_FEWEST = 20
_HALVES = 200


@dataclass(frozen=True, kw_only=True)
class IntrinsicDimension:
    """An estimate with its interval.

    Attributes:
        value: the dimension.
        low: lower end of the 95 % interval, over random halves of the points.
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
    (Facco et al., arXiv:1803.06992), so that the most likely d is (C - 1) / sum ln(mu), with the C - 1 that
    makes it unbiased. The interval holds the middle 95 % of the estimates from random halves: drawn without replacement
    they scatter as the whole estimate does, and trust no law of mu. Points that are nearest to each other share a
    distance, so that they stay together: halves are of the clusters that nearest neighbours form.

    In many dimensions the density is not even as far as the neighbours of a thousand points reach, and the estimate is
    off by more than its interval: 9.2 for 1000 points of an 8-dimensional torus.

    Args:
        X: C points in rows; repeated points count once.
        seed: of the halves.

    Returns:
        The estimate, or None for fewer than 20 distinct points.

    >>> X = torch.rand(500, 2, generator=torch.Generator().manual_seed(0)) @ torch.ones(2, 9)  # a line in 9 dimensions
    >>> round(intrinsic_dimension(X).value)
    1
    """
    log_ratios, cluster = _log_ratios(X.unique(dim=0))
    C = len(log_ratios)
    if C < _FEWEST:
        return None
    low, high = _interval(log_ratios, cluster, seeded(seed))
    return IntrinsicDimension(value=float((C - 1) / log_ratios.sum()), low=low, high=high, num_points=C)


def _log_ratios(X: Tensor) -> tuple[Tensor, Tensor]:
    """ln(r_2 / r_1) of each point, and its cluster; without points that rounding put on their neighbours."""
    if len(X) < 3:
        return X.new_zeros(0), X.new_zeros(0, dtype=torch.int64)
    X = X.double().cpu()
    X = X - X.mean(0)  # float64 and no common part: products of neighbours far from zero would cancel
    distances = torch.cdist(X, X, compute_mode="use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    near, at = distances.topk(2, largest=False)
    apart = near[:, 0] > 0
    edges = (torch.ones(len(X)), (torch.arange(len(X)), at[:, 0]))
    _, cluster = connected_components(coo_array(edges, shape=(len(X), len(X))), directed=False)
    return (near[apart, 1] / near[apart, 0]).log(), torch.from_numpy(cluster)[apart].long()


def _interval(log_ratios: Tensor, cluster: Tensor, generator: torch.Generator) -> tuple[float, float]:
    """The middle 95 % of the estimates from random halves of the clusters."""
    num_clusters = int(cluster.max()) + 1
    sums = log_ratios.new_zeros(num_clusters).index_add_(0, cluster, log_ratios)
    counts = log_ratios.new_zeros(num_clusters).index_add_(0, cluster, torch.ones_like(log_ratios))
    halves = torch.rand(_HALVES, num_clusters, generator=generator).argsort(dim=1)[:, : (num_clusters + 1) // 2]
    estimates = (counts[halves].sum(1) - 1) / sums[halves].sum(1)
    low, high = estimates.quantile(torch.tensor([0.025, 0.975], dtype=estimates.dtype)).tolist()
    return low, high
