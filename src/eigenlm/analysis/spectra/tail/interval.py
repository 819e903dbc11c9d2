"""How well the data fix the exponent, the choice of xmin included."""

import math

import numpy as np

from eigenlm.analysis.spectra.tail.power_law import PowerLaw

_NORMAL_975 = 1.96
_SHARE_OF_SAMPLING = 0.25


def interval(found: PowerLaw, refits: PowerLaw) -> tuple[float, float]:
    """An interval for alpha that holds the true exponent in 95 of 100 spectra.

    With r = alpha - 1, the error of ln r is about 1 / sqrt(size of the tail) whatever r is, and the search for the
    tail's start adds to it. Each refit of the bootstrap shows such an error,

        ln(r* / r) min(1, size* / size)^(1/4),

    smaller where its tail is shorter than the one found, for then it errs more than ours: sampling as the root of the
    size, the search not so. Of the powers measured, 1/4 covers 96 % of spectra of known exponents, 0 (bare quantiles,
    wider) 97 % and 1/2 95 %, but less of the short ones (benchmarks/tail.py). The interval lies between the errors'
    2.5 and 97.5 % quantiles around ln r, and is never narrower than that of a known start, ln r +- 1.96 / sqrt(size).

    Args:
        found: the fit of the data, of one row.
        refits: what `resampling.refit` gives for it.
    """
    errors = np.log(refits.rate / found.rate) * np.minimum(1, refits.size / found.size) ** _SHARE_OF_SAMPLING
    # Weibull's positions i / (copies + 1) leave each order statistic its expected share, at the ends too.
    low, high = np.quantile(errors, [0.025, 0.975], method="weibull").tolist()
    rate, known_start = float(found.rate[0]), _NORMAL_975 / math.sqrt(int(found.size[0]))
    return 1 + rate * math.exp(min(low, -known_start)), 1 + rate * math.exp(max(high, known_start))
