"""What a model is and what its matrices are like: tables, JSON, and a page to read."""

import sys
from types import ModuleType
from typing import Any

from eigenlm.analyze.anatomy import Part, anatomy
from eigenlm.analyze.spectra import Analysis, MatrixSpectrum, Skipped, analyze, spectrum_of

__all__ = ["Analysis", "MatrixSpectrum", "Part", "Skipped", "analyze", "anatomy", "spectrum_of"]


class _Room(ModuleType):
    """`eigenlm.analyze` is this room and the act that it is named for; importing the one must not hide the other."""

    def __call__(self, model: Any) -> Analysis:
        return analyze(model)


sys.modules[__name__].__class__ = _Room
