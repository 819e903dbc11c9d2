"""What flows through a model: inputs of its matrices, its residual stream, its attention heads."""

from eigenlm.analyze.activations.heads import AttentionHead, head_kind
from eigenlm.analyze.activations.inside import LeftOut
from eigenlm.analyze.activations.linear_inputs import LinearInputs
from eigenlm.analyze.activations.logit_lens import LogitLens
from eigenlm.analyze.activations.outliers import OutlierChannel
from eigenlm.analyze.activations.reading import Activations, activations
from eigenlm.analyze.activations.residual_stream import LayerStream, MassiveActivation

__all__ = [
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
