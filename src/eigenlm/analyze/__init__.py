"""What a model is and what its matrices are like: tables, JSON, and a page to read."""

import sys

from eigenlm.analyze.anatomy import Part, anatomy
from eigenlm.analyze.spectra import Analysis, MatrixSpectrum, Skipped, analyze, spectrum_of
from eigenlm.verb import Verb

__all__ = ["Analysis", "MatrixSpectrum", "Part", "Skipped", "analyze", "anatomy", "spectrum_of"]

sys.modules[__name__].__class__ = Verb
