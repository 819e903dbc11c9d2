"""How much the tail bends away from a straight line in a log-log plot."""

import math

import numpy as np
from jaxtyping import Float64

_ONE_SIDED_95 = 1.6449  # the normal quantile


def bend(y: Float64[np.ndarray, " k"]) -> tuple[float, float]:
    """The bend of the tail, and the largest that the data allow (with 95 % confidence).

    With r = alpha - 1, a density of y = ln(x / xmin) proportional to exp(-r y - c (r y)^2 / 2) steepens by the share c
    of r over each 1/r of y. To first order in c its moments have

        c = 1 - mean(y^2) / (2 mean(y)^2),        standard error 1 / sqrt(k) at c = 0:

    0 for a power law, positive where large values are missing, 1 / z^2 for a lognormal cut z standard deviations above
    its mean. It is the coefficient of variation in which the most powerful unbiased test between the two is written
    (Malevergne, Pisarenko and Sornette, doi:10.1103/PhysRevE.83.036111).

    Args:
        y: ln(x / xmin) of the values of the tail.
    """
    c = 1 - float(np.mean(y**2) / (2 * y.mean() ** 2))
    return c, c + _ONE_SIDED_95 / math.sqrt(len(y))
