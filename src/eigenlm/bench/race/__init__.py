"""A fair race between optimizers: learning rates swept, several seeds, losses read at the end of each schedule."""

from eigenlm.bench.race.hold import hold_race
from eigenlm.bench.race.plan import Race, with_length
from eigenlm.bench.race.result import AgainstTarget, Entrant, Length, RaceResult
from eigenlm.bench.race.statistics import OpenInterval

__all__ = [
    "AgainstTarget",
    "Entrant",
    "Length",
    "OpenInterval",
    "Race",
    "RaceResult",
    "hold_race",
    "with_length",
]
