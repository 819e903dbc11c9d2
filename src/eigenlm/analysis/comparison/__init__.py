"""Two models matrix by matrix: before and after compression, two training steps, base and fine-tuned."""

from eigenlm.analysis.comparison.comparison import (
    Change,
    Comparison,
    MatrixChange,
    OtherShape,
    SubspaceOverlap,
    VectorChange,
)
from eigenlm.analysis.comparison.findings import comparison_findings
from eigenlm.analysis.comparison.matrix import difference
from eigenlm.analysis.comparison.models import compare
from eigenlm.analysis.comparison.table import changes_table, comparison_table

__all__ = [
    "Change",
    "Comparison",
    "MatrixChange",
    "OtherShape",
    "SubspaceOverlap",
    "VectorChange",
    "changes_table",
    "compare",
    "comparison_findings",
    "comparison_table",
    "difference",
]
