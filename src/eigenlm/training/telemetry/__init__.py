"""What training does to the matrices, live: norms, ranks, updates, gradient noise, sharpness, and alarms."""

from eigenlm.training.telemetry.alarms import Alarm, AlarmKind, Alarms
from eigenlm.training.telemetry.gradient_noise import GradientNoise
from eigenlm.training.telemetry.matrices import trained_matrices
from eigenlm.training.telemetry.reading import (
    MatrixReading,
    Reading,
    SharpnessReading,
    SpectrumReading,
    Totals,
    scalars,
)
from eigenlm.training.telemetry.sharpness import sharpness
from eigenlm.training.telemetry.watch import Telemetry

__all__ = [
    "Alarm",
    "AlarmKind",
    "Alarms",
    "GradientNoise",
    "MatrixReading",
    "Reading",
    "SharpnessReading",
    "SpectrumReading",
    "Telemetry",
    "Totals",
    "scalars",
    "sharpness",
    "trained_matrices",
]
