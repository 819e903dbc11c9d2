"""Spectra that any library can make again: quantiles of known laws, and seeded draws."""

import numpy as np
import torch
from scipy import stats


def midpoints(n: int) -> np.ndarray:
    """n probabilities, evenly spread inside (0, 1)."""
    return (np.arange(n) + 0.5) / n


def power_law(n: int, alpha: float) -> np.ndarray:
    """Quantiles of the power law from 1 on, descending."""
    return np.sort(stats.pareto(alpha - 1).ppf(midpoints(n)))[::-1]


def power_law_above_a_flat_body(tail: int, body: int, alpha: float) -> np.ndarray:
    """A power law from 1 on, and a uniform law below."""
    return np.sort(np.concatenate([power_law(tail, alpha), midpoints(body)]))[::-1]


def lognormal(n: int) -> np.ndarray:
    """Quantiles of exp of the standard normal."""
    return np.sort(stats.lognorm(1).ppf(midpoints(n)))[::-1]


def singular_values(eigenvalues: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.sqrt(eigenvalues))


def logs_above(eigenvalues: np.ndarray, size: int) -> np.ndarray:
    """ln(x / xmin) of the largest."""
    return np.log(eigenvalues[:size] / eigenvalues[size - 1])
