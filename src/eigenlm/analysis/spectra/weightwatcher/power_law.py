"""The power law that WeightWatcher fits to the tail of a spectrum."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

# Where WeightWatcher 0.7.7 changes to its rules for few eigenvalues, and the shortest tail these look at.
_FEW = 20
_SHORTEST_TAIL = 8
_BLOCK_NUMBERS = 1 << 15  # the few arrays of a block stay in the cache: three times as fast as 1 << 20


class WeightWatcherPowerLaw(NamedTuple):
    """p(x) proportional to x^-alpha for x >= xmin.

    Attributes:
        alpha: the exponent.
        xmin: where the tail begins; an eigenvalue.
        D: the largest gap between the law's distribution function and that of the tail.
        sigma: (alpha - 1) / sqrt(eigenvalues in the tail).
    """

    alpha: float
    xmin: float
    D: float
    sigma: float


def fit_power_law(eigenvalues: Vector) -> WeightWatcherPowerLaw | None:
    """Every eigenvalue but the largest tried as xmin, and the one with the smallest D kept.

    Of the n_i eigenvalues from x_i on, alpha_i = 1 + n_i / sum_j ln(x_j / x_i), the most likely exponent (Clauset,
    Shalizi and Newman, arXiv:0706.1062, eq. 3.1); below 20 eigenvalues in all, with n_i - 1 in place of n_i, which
    takes out its bias, and tails of eight or more. D_i is measured at each x_j from below only, where the tail's own
    distribution function is (j - i) / n_i.

    Args:
        eigenvalues: positive, ascending.

    Returns:
        None where there is no spread to fit: fewer than two eigenvalues, or all alike.
    """
    if len(eigenvalues) < 2 or eigenvalues[0] == eigenvalues[-1]:
        return None
    logs = np.log(eigenvalues)
    few = len(logs) < _FEW
    n = np.arange(len(logs), 1, -1, dtype=np.float64)
    # sum_j ln(x_j / x_i), each from the one after it: only sums of positive numbers, so nothing cancels.
    spread = np.cumsum(((n - 1) * np.diff(logs))[::-1])[::-1]
    with np.errstate(divide="ignore"):
        alpha = 1 + (n - few) / spread
    tried = np.isfinite(alpha)
    if few:
        tried &= n >= min(_SHORTEST_TAIL, len(logs))
    D = np.where(tried, distances(logs, np.where(tried, alpha, 1.0)), 1.0)
    i = int(np.argmin(D))
    sigma = float((alpha[i] - 1) / np.sqrt(n[i]))
    return WeightWatcherPowerLaw(float(alpha[i]), float(eigenvalues[i]), float(D[i]), sigma)


def distances(logs: Vector, alpha: Vector) -> Vector:
    """D_i = max_{j >= i} |1 - (x_j / x_i)^(1 - alpha_i) - (j - i) / n_i| for all i at once, by blocks of i."""
    N, found = len(logs), np.empty(len(alpha))
    place = np.arange(N)
    rows = max(1, _BLOCK_NUMBERS // N)
    for start in range(0, len(alpha), rows):
        i = place[start : start + rows][: len(alpha) - start, None]
        # Left of i both functions are held at zero, so that they add no distance.
        above = np.maximum(logs[start:] - logs[i], 0)
        law = -np.expm1((1 - alpha[i]) * above)
        tail = np.maximum(place[start:] - i, 0) / (N - i)
        found[i[:, 0]] = np.abs(law - tail).max(1)
    return found
