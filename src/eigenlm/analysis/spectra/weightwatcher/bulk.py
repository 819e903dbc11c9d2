"""The Marchenko-Pastur law that WeightWatcher fits to a smoothed spectrum, by least squares in one parameter."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import fmin

Vector = NDArray[np.float64]

_BANDWIDTH = 0.1
_POINTS = 1000
_LEAST_DENSITY = 0.01
# What a point costs when the edges lie on the wrong side of the density's peak or end.
_REFUSED = 1000.0


class Bulk(NamedTuple):
    """WeightWatcher's bulk; eigenvalues are those of W, not rescaled, but for `sigma_mp`.

    Attributes:
        sigma_mp: standard deviation of an entry, after the eigenvalues were divided by their mean.
        bulk_min: lambda_-.
        bulk_max: lambda_+.
        num_spikes: eigenvalues above lambda_+ and a margin.
        mp_softrank: lambda_+ / lambda_max.
        W_scale: the square root of what the eigenvalues were multiplied by.
    """

    sigma_mp: float
    bulk_min: float
    bulk_max: float
    num_spikes: int
    mp_softrank: float
    W_scale: float


def fit_bulk(eigenvalues: Vector, rows: int, columns: int) -> Bulk | None:
    """Least squares between a kernel density of the eigenvalues, scaled to mean 1, and the law's density.

    sigma is looked for on a grid, up to twice what would put lambda_+ = sigma^2 (1 + 1 / sqrt(Q))^2 at lambda_max, and
    refined by Nelder and Mead's method, as `scipy.optimize.brute` does. A square matrix is fitted in singular values,
    by the quarter circle. The density does not depend on sigma, so it is computed once.

    Args:
        eigenvalues: all of them, ascending.
        rows: the number of rows of the matrix.
        columns: the number of its columns.

    Returns:
        None for the zero matrix, or where the density is nowhere above 0.01.
    """
    total = float(eigenvalues.sum())
    if total == 0:
        return None
    M, Q = min(rows, columns), max(rows, columns) / min(rows, columns)
    scaled = eigenvalues * (len(eigenvalues) / total)
    misfit = Misfit(np.sqrt(scaled) if Q == 1 else scaled, Q)
    if len(misfit.x) == 0:
        return None
    largest = math.sqrt(scaled[-1]) / (1 + 1 / math.sqrt(Q))
    grid = np.arange(0.05 * largest, 2.0 * largest, 0.01 * largest)
    sigma = fmin(misfit, grid[np.argmin(misfit(grid))], disp=False)
    bulk_min, bulk_max = (edge.item() for edge in edges(sigma, Q))
    margin = math.sqrt(bulk_max ** (2 / 3) * M ** (-2 / 3) / math.sqrt(Q))
    unscale = total / len(eigenvalues)
    return Bulk(
        sigma_mp=sigma.item(),
        bulk_min=bulk_min * unscale,
        bulk_max=bulk_max * unscale,
        num_spikes=int((scaled > bulk_max + margin).sum()),
        mp_softrank=bulk_max / float(scaled[-1]),
        W_scale=1 / math.sqrt(unscale),
    )


class Misfit:
    """sigma -> sum over points x of (law's density at x - kernel density at x)^2, for one sigma or many."""

    def __init__(self, values: Vector, Q: float) -> None:
        self.Q = Q
        x = np.linspace(0, values[-1] + 0.5, _POINTS)
        density = linear_kernel_density(values, x)
        dense = density > _LEAST_DENSITY
        self.x, self.density = x[dense], density[dense]

    def __call__(self, sigma: Vector) -> Vector:
        """The sum of squares at each sigma; a wall where the law's edges miss the spectrum."""
        if self.Q == 1:
            return self._squares(quarter_circle(self.x, sigma[:, None]))
        squares = self._squares(marchenko_pastur(self.x, self.Q, sigma[:, None]))
        peak, (lower, upper) = self.x[np.argmax(self.density)], edges(sigma, self.Q)
        refused = (upper < peak) | (upper > self.x[-1]) | (lower > peak)
        return np.where(refused, _REFUSED**2 * len(self.x), squares)

    def _squares(self, law: Vector) -> Vector:
        return ((law - self.density) ** 2).sum(1)


def edges(sigma: Vector, Q: float) -> tuple[Vector, Vector]:
    """lambda_-+ = sigma^2 (1 -+ 1 / sqrt(Q))^2."""
    return (sigma * (1 - 1 / math.sqrt(Q))) ** 2, (sigma * (1 + 1 / math.sqrt(Q))) ** 2


def marchenko_pastur(x: Vector, Q: float, sigma: Vector) -> Vector:
    """Q sqrt((lambda_+ - x) (x - lambda_-)) / (2 pi sigma^2 x) between the edges, 0 outside."""
    lower, upper = edges(sigma, Q)
    inside = np.maximum((upper - x) * (x - lower), 0)
    return Q * np.sqrt(inside) / (2 * np.pi * sigma**2 * np.maximum(x, np.finfo(np.float64).tiny))


def quarter_circle(x: Vector, sigma: Vector) -> Vector:
    """sqrt(4 - x^2) / (pi sigma^2) up to 2: WeightWatcher scales the height by sigma, and never the radius."""
    return np.sqrt(np.maximum(4 - x**2, 0)) / (np.pi * sigma**2)


def linear_kernel_density(values: Vector, x: Vector) -> Vector:
    """sum_i max(0, 1 - |x - v_i| / h) / (n h), h = 0.1, of ascending values: prefix sums, no n x points matrix."""
    h, n = _BANDWIDTH, len(values)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    low, at, high = (np.searchsorted(values, x + shift) for shift in (-h, 0.0, h))
    rising = (at - low) * (h - x) + (sums[at] - sums[low])
    falling = (high - at) * (h + x) - (sums[high] - sums[at])
    return (rising + falling) / (n * h * h)
