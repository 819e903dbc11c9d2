"""The share of a spectrum's eigenvalues above each value, as the laws fitted to its tail have it."""

import math
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy.optimize import brentq
from scipy.special import log_ndtr

from eigenlm.analysis.spectra.tail import Tail

_POINTS = 60
# Cut this many standard deviations above its mean, a normal law is an exponential to one part in two hundred.
_FURTHEST = 12.0


def drawn_tail(tail: Tail, S: Float64[np.ndarray, " r"]) -> dict[str, Any] | None:
    """Values of lambda = sigma^2, and the shares of all eigenvalues above them by power law and lognormal.

    Args:
        tail: what was fitted.
        S: the singular values, descending.
    """
    if tail.alpha is None or tail.xmin is None:
        return None
    y = np.log(S[: tail.num_tail] ** 2 / tail.xmin)
    at = np.linspace(0, y[0], _POINTS)
    share = tail.num_tail / tail.num_values
    return {
        "num_values": tail.num_values,
        "x": _digits(tail.xmin * np.exp(at)),
        "power": _digits(share * np.exp(-(tail.alpha - 1) * at)),
        "lognormal": _digits(share * lognormal_survival(y, at)),
    }


def lognormal_survival(y: Float64[np.ndarray, " k"], at: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """P(Y > at) for the normal law cut at 0 that is most likely for y: Q(a + at / s) / Q(a).

    Its likelihood is largest where the first two moments agree, and their ratio E[Y^2] / E[Y]^2 depends on a alone:
    from 1 up to the exponential's 2, which stands for a beyond all bounds.

    Args:
        y: ln(x / xmin) of the values of the tail.
        at: where.
    """
    wanted = float(np.mean(y**2) / y.mean() ** 2)
    if wanted >= _moment_ratio(_FURTHEST):
        return np.exp(-at / y.mean())
    a = (
        brentq(lambda a: _moment_ratio(a) - wanted, -_FURTHEST, _FURTHEST)
        if wanted > _moment_ratio(-_FURTHEST)
        else -_FURTHEST
    )
    s = y.mean() / (_hazard(a) - a)
    return np.exp(log_ndtr(-a - at / s) - log_ndtr(-a))


def _moment_ratio(a: float) -> float:
    h = _hazard(a)
    return (1 + a * a - a * h) / (h - a) ** 2


def _hazard(a: float) -> float:
    """phi(a) / Q(a)."""
    return math.exp(-a * a / 2 - log_ndtr(-a)) / math.sqrt(2 * math.pi)


def _digits(values: Float64[np.ndarray, " n"]) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
