"""What training does to the matrices, live: norms, ranks, updates, gradient noise, sharpness, and alarms."""

from eigenlm.train.telemetry.alarms import Alarm, AlarmKind, Alarms
from eigenlm.train.telemetry.gradient_noise import GradientNoise
from eigenlm.train.telemetry.matrices import trained_matrices
from eigenlm.train.telemetry.reading import (
    MatrixReading,
    Reading,
    SharpnessReading,
    SpectrumReading,
    Totals,
    scalars,
)
from eigenlm.train.telemetry.sharpness import sharpness
from eigenlm.train.telemetry.watch import Telemetry

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
