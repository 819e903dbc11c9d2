"""A power law fitted to the tail of a list of numbers, whose start is searched for.

Everything works on logarithms: if x >= xmin has the density (alpha - 1)/xmin (x/xmin)^-alpha, then ln(x/xmin) is
exponential with the rate alpha - 1. Many lists of one length, the rows of an array, are fitted at once.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

# Fewer values than this say next to nothing about an exponent: its relative error is 1 / sqrt(15) = 26 %.
SMALLEST_TAIL = 15
# Starts tried. Neighbouring tails then differ by 4 % of their values (of 576), far less than their exponents' error.
_MOST_STARTS = 96


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """The tail of each row whose distance to its power law is smallest.

    Attributes:
        size: the number of values in the tail; xmin is the smallest of them.
        rate: alpha - 1 of maximum likelihood, size / sum of ln(x / xmin).
        distance: the largest gap between the tail's distribution function and the fitted one (Kolmogorov-Smirnov).
    """

    size: Int64[np.ndarray, " rows"]
    rate: Float64[np.ndarray, " rows"]
    distance: Float64[np.ndarray, " rows"]


def fit(logs: Float64[np.ndarray, "rows n"]) -> PowerLaw:
    """The power law of every row, its start included: the xmin of the smallest distance.

    Clauset, Shalizi and Newman (arXiv:0706.1062, equations 3.1 and 3.9), over the starts that `tail_sizes` lists.

    Args:
        logs: natural logarithms, each row descending, of at least `SMALLEST_TAIL` numbers.
    """
    sizes = tail_sizes(logs.shape[1])
    rates = _rates(logs, sizes)
    distances = np.stack([_distance(logs[:, :k], rates[:, j]) for j, k in enumerate(sizes)], axis=1)
    best = distances.argmin(axis=1)
    row = np.arange(len(logs))
    return PowerLaw(size=sizes[best], rate=rates[row, best], distance=distances[row, best])


def tail_sizes(n: int) -> Int64[np.ndarray, " starts"]:
    """The numbers of largest values that are tried as the tail: from `SMALLEST_TAIL` to n, in equal ratios.

    >>> tail_sizes(18).tolist()
    [15, 16, 17, 18]
    """
    return np.unique(np.geomspace(SMALLEST_TAIL, n, _MOST_STARTS).round().astype(np.int64))


def _rates(
    logs: Float64[np.ndarray, "rows n"], sizes: Int64[np.ndarray, " starts"]
) -> Float64[np.ndarray, "rows starts"]:
    """The rate of maximum likelihood for each start; prefix sums give all of them in one pass."""
    mean_excess = np.cumsum(logs, axis=1)[:, sizes - 1] / sizes - logs[:, sizes - 1]
    # Equal values have no spread, so no exponent; a huge one keeps the arithmetic finite, and its distance is 1.
    return 1 / np.maximum(mean_excess, np.finfo(np.float64).eps)


def _distance(tail: Float64[np.ndarray, "rows k"], rate: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"]:
    """sup |F_k(x) - F(x)|: the empirical function steps from i/k to (i+1)/k at each value, and both sides count."""
    k = tail.shape[1]
    gap = tail[:, -1:] - tail
    gap *= rate[:, None]
    np.exp(gap, out=gap)  # the share of the power law above each value
    gap -= (np.arange(k) + 0.5) / k
    np.abs(gap, out=gap)
    return gap.max(axis=1) + 0.5 / k
