"""What flows through a model: inputs of its matrices, its residual stream, its attention heads."""

from eigenlm.analysis.activations.heads import AttentionHead, head_kind
from eigenlm.analysis.activations.inside import LeftOut
from eigenlm.analysis.activations.linear_inputs import LinearInputs
from eigenlm.analysis.activations.logit_lens import LogitLens
from eigenlm.analysis.activations.outliers import OutlierChannel
from eigenlm.analysis.activations.reading import Activations, activations
from eigenlm.analysis.activations.residual_stream import LayerStream, MassiveActivation
from eigenlm.analysis.activations.section import SECTION

__all__ = [
    "SECTION",
    "Activations",
    "AttentionHead",
    "LayerStream",
    "LeftOut",
    "LinearInputs",
    "LogitLens",
    "MassiveActivation",
    "OutlierChannel",
    "activations",
    "head_kind",
]
