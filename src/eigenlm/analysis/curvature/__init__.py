"""The curvature of a model's loss on a text: its extremes, its density, its blocks, and how gradients flow."""

from eigenlm.analysis.curvature.measuring import Effort, curvature
from eigenlm.analysis.curvature.results import BlockCurvature, Curvature, Density, Eigenvalue
from eigenlm.analysis.curvature.section import SECTION

__all__ = ["SECTION", "BlockCurvature", "Curvature", "Density", "Effort", "Eigenvalue", "curvature"]
