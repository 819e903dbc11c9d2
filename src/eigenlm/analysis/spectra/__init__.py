"""Every matrix by itself: its singular values, and what noise and power laws have to do with them."""

from eigenlm.analysis.spectra.matrix_spectrum import (
    MatrixSpectrum,
    SpectrumFigures,
    examine,
    spectrum_from,
    spectrum_of,
)
from eigenlm.analysis.spectra.measuring import Spectra, spectra
from eigenlm.analysis.spectra.section import SECTION

__all__ = [
    "SECTION",
    "MatrixSpectrum",
    "Spectra",
    "SpectrumFigures",
    "examine",
    "spectra",
    "spectrum_from",
    "spectrum_of",
]
