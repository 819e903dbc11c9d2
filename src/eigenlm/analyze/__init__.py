"""What a model is and what its matrices are like: tables, JSON, and a page to read."""

import sys

from eigenlm.analyze.analysis import Analysis, analyze, spectra
from eigenlm.analyze.anatomy import Part, anatomy
from eigenlm.analyze.spectra import MatrixSpectrum, spectrum_of
from eigenlm.analyze.stream import Skipped
from eigenlm.verb import Verb

__all__ = ["Analysis", "MatrixSpectrum", "Part", "Skipped", "analyze", "anatomy", "spectra", "spectrum_of"]

sys.modules[__name__].__class__ = Verb
