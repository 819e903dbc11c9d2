"""Other laws for the same tail, and whether the data prefer them to the power law.

With y = ln(x / xmin) >= 0 of mean m and u = y / m, the lognormal and the truncated power law above xmin are one
family, p(u) = exp(-s u - b g(u)) / Z(s, b), b >= 0, which b = 0 makes the power law:

    lognormal               g(u) = u^2
    truncated power law     g(u) = 2 (e^(m u) - 1 - m u) / m^2      from x^-alpha e^(-x / cutoff)

An exponential family has one maximum of likelihood, where its means are those of the data. Scaled by m, the numbers
stay of order one for any exponent, and Z is an integral of a smooth function that one quadrature takes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.optimize import brentq
from scipy.special import erfc

Bend = Callable[[Float64[np.ndarray, " k"]], Float64[np.ndarray, " k"]]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(160)
_FAR = np.geomspace(1e-3, 1e4, 81)
_REACH = 40.0  # e^-40 is below the rounding of float64
_LARGEST_LOG = 300.0  # e^300 can still be squared
# A b as good as none, and a b g(1) from which larger ones are tried: up to the narrowest peak that the nodes resolve,
# of a standard deviation of m/45. A tail that wants a narrower one is rejected at this one already, by far.
_STRAIGHT, _SLIGHT, _NARROWEST = 1e-18, 1e-2, 1 / 45**2
_MOST_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """The power law against another law for the same tail, both at their largest likelihood.

    Attributes:
        log_ratio: ln of the power law's likelihood over the other's; negative when the other law fits better.
        vuong: log_ratio over its standard deviation, sqrt(k) std of the terms; None where both laws agree everywhere.
        vuong_p: the chance of a |vuong| this large if both laws were equally far from the truth; 1 when they agree.
        p: the chance of a log_ratio this far from 0 if the simpler law held. The lognormal and the truncated power law
            have the power law as a limit, so they never fit worse: theirs is the chi-square p of 2 |log_ratio|,
            halved because the limit is an end of the range. For the exponential, vuong_p.
    """

    log_ratio: float
    vuong: float | None
    vuong_p: float
    p: float


def against_lognormal(y: Float64[np.ndarray, " k"]) -> Alternative:
    """Compare with ln x normal, cut at xmin.

    Args:
        y: ln(x / xmin) of the values of the tail.
    """
    return _against_bent(y / y.mean(), np.square)


def against_truncated_power_law(y: Float64[np.ndarray, " k"]) -> Alternative:
    """Compare with x^-alpha e^(-x / cutoff), cut at xmin; any alpha, so that alpha = 0 is the exponential.

    Args:
        y: ln(x / xmin) of the values of the tail.
    """
    m = y.mean()
    return _against_bent(y / m, lambda u: 2 * _exp_beyond_tangent(m * u) / m**2)


def against_exponential(y: Float64[np.ndarray, " k"]) -> Alternative:
    """Compare with e^(-(x - xmin) / scale) / scale, scale = mean of x - xmin.

    Args:
        y: ln(x / xmin) of the values of the tail.
    """
    m, excess = y.mean(), np.expm1(y)
    # In x / xmin: ln of the power law's density is -ln m - (1 + 1/m) y.
    terms = (-math.log(m) - (1 + 1 / m) * y) - (-math.log(excess.mean()) - excess / excess.mean())
    ratio, vuong, vuong_p = _vuong(terms)
    return Alternative(log_ratio=ratio, vuong=vuong, vuong_p=vuong_p, p=vuong_p)


def _against_bent(u: Float64[np.ndarray, " k"], bend: Bend) -> Alternative:
    ratio, vuong, vuong_p = _vuong(-u - _log_density(u, bend))
    # P(chi-square of one degree > 2 |ratio|) = erfc(sqrt(|ratio|)), and half of it as b >= 0.
    p = float(erfc(math.sqrt(-ratio))) / 2 if ratio < 0 else 1.0
    return Alternative(log_ratio=ratio, vuong=vuong, vuong_p=vuong_p, p=p)


def _vuong(terms: Float64[np.ndarray, " k"]) -> tuple[float, float | None, float]:
    """The sum of the terms, that over its standard deviation, and the two-sided p (arXiv:0706.1062, appendix C)."""
    ratio, deviation = float(terms.sum()), float(terms.std()) * math.sqrt(len(terms))
    if deviation == 0:
        return 0.0, None, 1.0
    return ratio, ratio / deviation, float(erfc(abs(ratio / deviation) / math.sqrt(2)))


def _log_density(u: Float64[np.ndarray, " k"], bend: Bend) -> Float64[np.ndarray, " k"]:
    """ln p(u) at the largest likelihood over s and b >= 0.

    There the law's means of u and g(u) are those of the data. For each b one s gives the mean of u, 1; then the mean of
    g falls as b grows (the likelihood is concave), and a bracket closes on the b that gives it.
    """
    observed = float(bend(u).mean())

    def law_at(log_b: float) -> _Bent:
        return _of_mean_one(math.exp(log_b), bend)

    def excess(log_b: float) -> float:
        return law_at(log_b).mean_bend - observed

    straight, log_b = math.log(_STRAIGHT), math.log(_SLIGHT / float(bend(np.ones(1))[0]))
    if excess(straight) <= 0:  # the data bend the other way: of this family, the power law fits best
        return -u
    while (law := law_at(log_b)).mean_bend > observed and law.variance > _NARROWEST:
        log_b += 2
    if law.mean_bend < observed:
        law = law_at(brentq(excess, straight, log_b, xtol=1e-7))
    return -law.s * u - law.b * bend(u) - law.log_z


class _Bent(NamedTuple):
    """exp(-s u - b g(u)) / Z, with its moments."""

    s: float
    b: float
    log_z: float
    mean: float
    variance: float
    mean_bend: float


def _of_mean_one(b: float, bend: Bend) -> _Bent:
    """The law with this b whose mean is 1, by Newton's method on 1 / mean, which is s itself where b = 0."""
    law = _bent(1.0, b, bend)
    for _ in range(_MOST_STEPS):
        if abs(law.mean - 1) < 1e-11:
            break
        step = law.mean * (law.mean - 1) / law.variance
        largest = 2 * (1 + abs(law.s))  # a longer one may end where the law is a spike between two nodes
        law = _bent(law.s + max(-largest, min(step, largest)), b, bend)
    return law


def _bent(s: float, b: float, bend: Bend) -> _Bent:
    """Z and the moments by Gauss and Legendre's quadrature, from 0 to where nothing is left."""
    end = _end(s, b, bend)
    u = (_NODES + 1) * (end / 2)
    g = bend(u)
    exponent = -s * u - b * g
    top = exponent.max()
    mass = _WEIGHTS * np.exp(exponent - top)
    total = mass.sum()
    mass /= total
    mean = float((mass * u).sum())
    variance = float((mass * (u - mean) ** 2).sum())
    return _Bent(s, b, float(top + np.log(total * end / 2)), mean, variance, float((mass * g).sum()))


def _end(s: float, b: float, bend: Bend) -> float:
    """Where the density has fallen to e^-_REACH of its peak; s u + b g(u) is convex, so it does not rise again."""
    exponent = s * _FAR + b * bend(_FAR)
    lowest = int(exponent.argmin())
    beyond = exponent[lowest:] - min(exponent[lowest], 0.0) > _REACH
    return float(_FAR[lowest + int(beyond.argmax())])


def _exp_beyond_tangent(y: Float64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """e^y - 1 - y, by its series where the difference would cancel."""
    series = y**2 / 2 * (1 + y / 3 * (1 + y / 4 * (1 + y / 5)))
    return np.where(y < 1e-2, series, np.expm1(np.minimum(y, _LARGEST_LOG)) - y)
