"""Two models matrix by matrix: before and after compression, two training steps, base and fine-tuned."""

import sys

from eigenlm.analyze.compare.comparison import (
    Change,
    Comparison,
    MatrixChange,
    OtherShape,
    SpectrumFigures,
    SubspaceOverlap,
    VectorChange,
)
from eigenlm.analyze.compare.findings import comparison_findings
from eigenlm.analyze.compare.matrix import difference
from eigenlm.analyze.compare.models import compare
from eigenlm.analyze.compare.table import comparison_table
from eigenlm.verb import Verb

__all__ = [
    "Change",
    "Comparison",
    "MatrixChange",
    "OtherShape",
    "SpectrumFigures",
    "SubspaceOverlap",
    "VectorChange",
    "compare",
    "comparison_findings",
    "comparison_table",
    "difference",
]

sys.modules[__name__].__class__ = Verb
