"""What a model is and what its matrices are like: tables, JSON, and a page to read."""

from eigenlm.analyze.anatomy import Part, anatomy
from eigenlm.analyze.spectra import Analysis, MatrixSpectrum, Skipped, analyze, spectrum_of

__all__ = ["Analysis", "MatrixSpectrum", "Part", "Skipped", "analyze", "anatomy", "spectrum_of"]
