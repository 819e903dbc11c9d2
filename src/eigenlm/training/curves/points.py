"""From the lines of a run's log to the points of its curves."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eigenlm.config import from_dict
from eigenlm.training.telemetry import Reading, scalars

CLOCK = "speed/"  # begins the names of curves that depend on the clock, which the log does not hold


def points(log: Path) -> Iterator[tuple[int, dict[str, float] | str]]:
    """What a log comes to, in its order: a step, and the values of some curves there, or what the model wrote."""
    with log.open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if "event" not in line:
                yield line["step"], line["sample"] if "sample" in line else values_of(line)


def values_of(line: Mapping[str, Any]) -> dict[str, float]:
    """The values that a line of the log holds, by the names of their curves."""
    names = [f"validation/{name}" for name in ("nll", "bits_per_byte")]
    if "validation" in line:
        values = {name: line["validation"][name.removeprefix("validation/")] for name in names}
    else:
        values = {f"train/{name}": line[name] for name in ("loss", "gradient_norm", "learning_rate")}
    values = {name: float(value) for name, value in values.items() if value is not None}
    return values | (scalars(from_dict(Reading, line["telemetry"])) if "telemetry" in line else {})
