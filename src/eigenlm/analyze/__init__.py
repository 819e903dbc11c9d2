"""What a model is, what its matrices are like, and how it works on text: tables, JSON, and a page to read."""

import sys

from eigenlm.analyze.analysis import Analysis
from eigenlm.analyze.analyzing import analyze
from eigenlm.analyze.anatomy import Part, anatomy
from eigenlm.analyze.matrices import decompose
from eigenlm.analyze.spectra import MatrixSpectrum, spectrum_of
from eigenlm.analyze.stream import Skipped
from eigenlm.verb import Verb

__all__ = ["Analysis", "MatrixSpectrum", "Part", "Skipped", "analyze", "anatomy", "decompose", "spectrum_of"]

sys.modules[__name__].__class__ = Verb
