"""The power law of a matrix's largest eigenvalues, with what there is to say for and against it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from eigenlm.analysis.spectra.tail.alternatives import (
    Alternative,
    against_exponential,
    against_lognormal,
    against_truncated_power_law,
)
from eigenlm.analysis.spectra.tail.bend import bend
from eigenlm.analysis.spectra.tail.power_law import SMALLEST_TAIL, fit
from eigenlm.analysis.spectra.tail.resampling import goodness, interval, refit
from eigenlm.analysis.spectra.tail.verdict import TOO_FEW, Evidence, verdict
from eigenlm.errors import ConfigError, DataError, ShapeError, explain
from eigenlm.linalg.spectrum import numerical_rank

# Twice the smallest tail, so that there is a choice of where it starts.
_FEWEST = 2 * SMALLEST_TAIL
_COPIES = 400
# Eigenvalues closer than this are one value to float32, in which weights come.
_SAME = 2 * torch.finfo(torch.float32).eps


@dataclass(frozen=True, kw_only=True)
class Tail:
    """A power law p(lambda) ~ lambda^-alpha, lambda >= xmin, fitted to eigenvalues lambda = sigma^2 of W^T W.

    Attributes:
        num_values: eigenvalues that rounding to float32 could not have made; the others are left out.
        num_tail: the largest of them that the power law is fitted to: those of at least `xmin`.
        alpha: the exponent of largest likelihood, 1 + num_tail / sum of ln(lambda / xmin). A number all the same where
            the verdict is `rejected`: then no property of the matrix.
        alpha_low: the lower end of its 95 % interval, the choice of xmin included.
        alpha_high: the upper end.
        xmin: where the tail starts: the eigenvalue from which on the fit's `ks_distance` is smallest.
        ks_distance: the largest gap between the share of the tail below a value and the power law's share.
        goodness_p: the share of true power laws of this size that lie as far from their fit; small speaks against it.
        bend: the share by which alpha - 1 grows over each 1 / (alpha - 1) of ln lambda: 0 for a power law, positive
            where the largest eigenvalues fall short of it.
        bend_high: the largest bend that the data allow, with 95 % confidence.
        lognormal: the power law against a lognormal, over the same tail.
        truncated_power_law: the power law against one with an exponential cutoff.
        exponential: the power law against an exponential.
        verdict: `power law supported`, `not distinguishable`, `rejected` or `too few values`; with the last, all
            figures but `num_values` are None (and `num_tail` is 0).
        reason: the evidence for the verdict, a sentence.
    """

    num_values: int
    verdict: str
    reason: str
    num_tail: int = 0
    alpha: float | None = None
    alpha_low: float | None = None
    alpha_high: float | None = None
    xmin: float | None = None
    ks_distance: float | None = None
    goodness_p: float | None = None
    bend: float | None = None
    bend_high: float | None = None
    lognormal: Alternative | None = None
    truncated_power_law: Alternative | None = None
    exponential: Alternative | None = None


def tail(S: Float[Tensor, " r"], *, copies: int = _COPIES) -> Tail:
    """Fit a power law to the largest eigenvalues of W^T W, and weigh it against other laws.

    The tail's start minimises the distance between data and fit, as in Clauset, Shalizi and Newman (arXiv:0706.1062);
    their bootstrap repeats that search in every copy, and gives the fit's p and the exponent's interval. Eigenvalues
    are taken as independent draws, which those of one matrix are only roughly. A spectrum always gives the same answer.

    Args:
        S: the singular values of W, descending. The answer does not change with their unit, but for `xmin`.
        copies: bootstrap copies; the p and the interval's ends have a sampling error of about 1 / sqrt(copies).

    Raises:
        ConfigError: fewer than 100 copies, too few for the ends of a 95 % interval.
        DataError: NaN, infinite, negative or ascending singular values.
        ShapeError: none at all.
    """
    _check(S, copies)
    S = S.detach().double().cpu()
    logs = 2 * torch.log(S[: int(numerical_rank(S))]).numpy()
    distinct = min(1, len(logs)) + int(np.count_nonzero(-np.diff(logs) > _SAME))
    if min(len(logs), distinct) < _FEWEST:
        return _too_few(len(logs), distinct)
    found = fit(logs[None])
    refits = refit(logs, found, copies)
    k = int(found.size[0])
    low, high = interval(found, refits)
    evidence = _evidence(logs[:k] - logs[k - 1], goodness(found, refits))
    word, reason = verdict(evidence)
    return Tail(
        num_values=len(logs),
        alpha=1 + float(found.rate[0]),
        alpha_low=low,
        alpha_high=high,
        xmin=float(S[k - 1]) ** 2,
        ks_distance=float(found.distance[0]),
        verdict=word,
        reason=reason,
        **evidence._asdict(),
    )


def _check(S: Tensor, copies: int) -> None:
    if copies < 100:
        raise ConfigError(explain("tail", expected="at least 100 copies", got=copies))
    if len(S) == 0:
        raise ShapeError(explain("tail", expected="at least one singular value", got="none"))
    if not (torch.isfinite(S).all() and S[-1] >= 0 and (S[:-1] >= S[1:]).all()):
        raise DataError(
            explain(
                "tail", expected="singular values, descending", got="others", do="take them from linalg.singular_values"
            )
        )


def _evidence(y: Float64[np.ndarray, " k"], goodness_p: float) -> Evidence:
    """All that is said of the tail, from y = ln(lambda / xmin)."""
    bend_found, bend_high = bend(y)
    return Evidence(
        num_tail=len(y),
        goodness_p=goodness_p,
        bend=bend_found,
        bend_high=bend_high,
        lognormal=against_lognormal(y),
        truncated_power_law=against_truncated_power_law(y),
        exponential=against_exponential(y),
    )


def _too_few(num_values: int, distinct: int) -> Tail:
    there = min(num_values, distinct)
    kind = "eigenvalues" if distinct == num_values else "distinct eigenvalues"
    verb = "is" if there == 1 else "are"
    reason = f"a tail needs {_FEWEST} {kind} above rounding, and there {verb} {there}"
    return Tail(num_values=num_values, verdict=TOO_FEW, reason=reason)
