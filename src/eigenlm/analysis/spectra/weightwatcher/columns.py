"""A spectrum in WeightWatcher's columns, named as it names them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from torch import Tensor

from eigenlm.analysis.spectra.weightwatcher.bulk import fit_bulk
from eigenlm.analysis.spectra.weightwatcher.power_law import fit_power_law
from eigenlm.errors import ShapeError, explain

# WeightWatcher's constants on a processor: eigenvalues that count for the power law, and those that count as lost.
_LEAST_EIGENVALUE = 1e-5
_WEAK_EIGENVALUE = 1e-6
_ENTROPY_FLOOR = 1e-10
_OVER_TRAINED, _UNDER_TRAINED = 2.0, 6.0


@dataclass(frozen=True, kw_only=True)
class WeightWatcherFit:
    """What WeightWatcher 0.7.7 reports with `mp_fit=True, detX=True`, lambda_i = sigma_i^2 being its eigenvalues.

    None where there is no number; WeightWatcher then has -1, infinity or NaN. Its `rand_` columns have no fixed value,
    for they depend on the state of a global random generator: see `Noise`.

    Attributes:
        N: the larger side.
        M: the smaller side.
        Q: N / M.
        num_evals: eigenvalues, M of them.
        sv_max: sigma_1.
        sv_min: sigma_M.
        norm: sum of lambda_i, so ||W||_F^2.
        log_norm: its log10.
        spectral_norm: lambda_max, so sigma_1^2.
        log_spectral_norm: its log10.
        stable_rank: norm / spectral_norm.
        matrix_rank: singular values above N 2^-52 sigma_1.
        rank_loss: M - matrix_rank.
        weak_rank_loss: eigenvalues below 1e-6.
        entropy: -sum p ln p / ln matrix_rank, p = lambda_i / norm + 1e-10.
        alpha: exponent of the power law fitted to the tail of the eigenvalues above 1e-5.
        xmin: where that tail begins.
        xmax: where it ends; lambda_max.
        D: largest gap between the power law's distribution function and the tail's.
        sigma: (alpha - 1) / sqrt(eigenvalues in the tail): an error of alpha that takes xmin as given.
        num_pl_spikes: eigenvalues in the tail.
        alpha_weighted: alpha log_spectral_norm.
        log_alpha_norm: log10 of sum of lambda_i^alpha.
        warning: "over-trained" for alpha < 2, "under-trained" for alpha > 6, else empty.
        sigma_mp: standard deviation of an entry by the Marchenko-Pastur fit, eigenvalues divided by their mean.
        bulk_min: lambda_- of that fit.
        bulk_max: lambda_+ of that fit.
        num_spikes: eigenvalues above bulk_max and a margin.
        mp_softrank: bulk_max / lambda_max.
        W_scale: the factor on W that makes the mean eigenvalue 1.
        detX_num: largest eigenvalues whose product first falls below 1, the mean being 1.
        detX_val: the smallest of them.
        ERG_gap: detX_num - num_pl_spikes.
    """

    N: int
    M: int
    Q: float
    num_evals: int
    sv_max: float
    sv_min: float
    norm: float | None
    log_norm: float | None
    spectral_norm: float | None
    log_spectral_norm: float | None
    stable_rank: float | None
    matrix_rank: int
    rank_loss: int
    weak_rank_loss: int
    entropy: float | None
    alpha: float | None = None
    xmin: float | None = None
    xmax: float | None = None
    D: float | None = None
    sigma: float | None = None
    num_pl_spikes: int | None = None
    alpha_weighted: float | None = None
    log_alpha_norm: float | None = None
    warning: str | None = None
    sigma_mp: float | None = None
    bulk_min: float | None = None
    bulk_max: float | None = None
    num_spikes: int | None = None
    mp_softrank: float | None = None
    W_scale: float | None = None
    detX_num: int | None = None
    detX_val: float | None = None
    ERG_gap: int | None = None


def weightwatcher(S: Float64[Tensor, " r"], rows: int, columns: int) -> WeightWatcherFit:
    """WeightWatcher's columns from singular values, without its restrictions on the sides of a matrix.

    It treats convolutions by slices; here a matrix is what `S` is the spectrum of.

    Args:
        S: all min(m, n) singular values, descending.
        rows: m.
        columns: n.

    Raises:
        ShapeError: their number is not min(m, n).
    """
    if len(S) != min(rows, columns):
        raise ShapeError(
            explain("WeightWatcher's columns", expected=f"all singular values of {rows} x {columns}", got=len(S))
        )
    sigma = S.flip(-1).cpu().numpy()
    found = _norms(sigma, max(rows, columns))
    if found["norm"] is not None:
        eigenvalues = sigma**2
        bulk = fit_bulk(eigenvalues, rows, columns)
        found |= _tail(eigenvalues) | _det_one(eigenvalues) | (bulk._asdict() if bulk else {})
    if "detX_num" in found and "num_pl_spikes" in found:
        found["ERG_gap"] = found["detX_num"] - found["num_pl_spikes"]
    return WeightWatcherFit(**found)


def _norms(sigma: NDArray[np.float64], N: int) -> dict[str, Any]:
    """Everything that needs no fit; ascending sigma."""
    with np.errstate(all="ignore"):  # squares that no float64 holds become None
        eigenvalues = sigma**2
        norm, largest = eigenvalues.sum(), eigenvalues[-1]
        rank = int((sigma > sigma[-1] * N * np.finfo(np.float64).eps).sum())
        p = eigenvalues / norm + _ENTROPY_FLOOR
        return {
            "N": N,
            "M": len(sigma),
            "Q": N / len(sigma),
            "num_evals": len(sigma),
            "sv_max": float(sigma[-1]),
            "sv_min": float(sigma[0]),
            "norm": _finite(norm),
            "log_norm": _finite(np.log10(norm)),
            "spectral_norm": _finite(largest),
            "log_spectral_norm": _finite(np.log10(largest)),
            "stable_rank": _finite(norm / largest),
            "matrix_rank": rank,
            "rank_loss": len(sigma) - rank,
            "weak_rank_loss": int((eigenvalues < _WEAK_EIGENVALUE).sum()),
            "entropy": _finite(-(p * np.log(p)).sum() / np.log(rank + _ENTROPY_FLOOR)) if rank > 1 else None,
        }


def _finite(number: np.float64) -> float | None:
    return float(number) if np.isfinite(number) else None


def _tail(eigenvalues: NDArray[np.float64]) -> dict[str, Any]:
    """The power law and what follows from it; nothing if there is none."""
    fit = fit_power_law(eigenvalues[eigenvalues > _LEAST_EIGENVALUE])
    if fit is None:
        return {}
    log_largest = math.log10(eigenvalues[-1])
    # sum lambda^alpha over lambda_max^alpha, so that no exponent of a steep tail overflows.
    relative = float(((eigenvalues / eigenvalues[-1]) ** fit.alpha).sum())
    warning = "over-trained" if fit.alpha < _OVER_TRAINED else "under-trained" if fit.alpha > _UNDER_TRAINED else ""
    return {
        **fit._asdict(),
        "xmax": float(eigenvalues[-1]),
        "num_pl_spikes": int((eigenvalues >= fit.xmin).sum()),
        "alpha_weighted": fit.alpha * log_largest,
        "log_alpha_norm": fit.alpha * log_largest + math.log10(relative),
        "warning": warning,
    }


def _det_one(eigenvalues: NDArray[np.float64]) -> dict[str, Any]:
    """How many of the largest eigenvalues multiply to less than 1, the mean of all being 1.

    All, where the product is not below 1 before the smallest is reached, which is never tried. The product is taken
    in logarithms: WeightWatcher's own can overflow from some thousand eigenvalues on.
    """
    if eigenvalues[0] == eigenvalues[-1]:
        return {}
    with np.errstate(divide="ignore"):
        logs = np.log(eigenvalues[:0:-1] / eigenvalues.mean()).cumsum()
    below = np.flatnonzero(logs < 0)
    place = len(eigenvalues) - 1 - int(below[0]) if len(below) else 1
    return {
        "detX_num": len(eigenvalues) - place if len(below) else len(eigenvalues),
        "detX_val": float(eigenvalues[place]),
    }
