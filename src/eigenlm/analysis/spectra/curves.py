"""What is drawn of each matrix: its singular values and what explains them, thinned to what a chart can show."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eigenlm.analysis.spectra.matrix_spectrum import MatrixSpectrum
from eigenlm.analysis.spectra.survival import drawn_tail
from eigenlm.linalg.spectrum import relative

# A chart is some thousand pixels wide, so longer spectra are drawn at this many ranks; at fewer, where so many matrices
# share the page that it would grow by more than two megabytes.
_MOST_POINTS, _FEWEST_POINTS, _ALL_POINTS = 1024, 128, 250_000
_NOISE = ("noise_std", "sigma_minus", "sigma_plus", "null_spectral_norm")


def drawn_spectra(matrices: Sequence[MatrixSpectrum]) -> dict[str, dict[str, Any]]:
    """By matrix: ranks, singular values, the energy that each rank loses, and the laws they are held against."""
    most = max(_FEWEST_POINTS, min(_MOST_POINTS, _ALL_POINTS // max(len(matrices), 1)))
    return {matrix.name: _drawn(matrix, most) for matrix in matrices}


def _drawn(matrix: MatrixSpectrum, most: int) -> dict[str, Any]:
    S = matrix.singular_values
    count = len(S)
    at = torch.arange(count) if count <= most else torch.linspace(0, 1, most).square().mul(count - 1).long()
    at = at.unique()
    return {
        "rank": (at + 1).tolist(),
        "sigma": _rounded(S[at], 6),
        "lost": _rounded(_energy_lost(S)[at], 5),
        "noise": matrix.noise and {name: getattr(matrix.noise, name) for name in _NOISE},
        "tail": matrix.tail and drawn_tail(matrix.tail, S.numpy()),
    }


def _energy_lost(S: Tensor) -> Tensor:
    """sum of sigma_i^2 over i > R, by the sum of all, for R = 1 to r; exact to rounding where it is small, too."""
    squares = relative(S).square()
    rest = squares.flip(0).cumsum(0).flip(0)
    return torch.where(rest[0] > 0, (rest - squares) / rest[0], 0.0)


def _rounded(values: Tensor, digits: int) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values.tolist()]
