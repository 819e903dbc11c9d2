"""What a model is, what its matrices are like, and how it works on text: tables, JSON, and a page to read."""

from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.anatomy import Part, anatomy
from eigenlm.analysis.matrices import decompose
from eigenlm.analysis.run import analyze
from eigenlm.analysis.spectra import MatrixSpectrum, spectrum_of
from eigenlm.analysis.stream import Skipped

__all__ = ["Analysis", "MatrixSpectrum", "Part", "Skipped", "analyze", "anatomy", "decompose", "spectrum_of"]
