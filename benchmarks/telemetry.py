"""What telemetry costs: the same training with it on and off, in one process, in alternating rounds.

python benchmarks/telemetry.py [--rounds 6]

The 10M-parameter GPT of the speed figures, on the documentation inside Python; telemetry at its defaults, alarms
included. A round is as many steps as a full cycle of readings. `cost` is what telemetry's own calls take over the step
without it; `cost_of_whole_rounds` compares rounds, and is as noisy as the machine.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from record import record, spread

from eigenlm.machine.heap import keep_freed_memory
from eigenlm.machine.processes import Ranks
from eigenlm.training import Recipe, TelemetryRecipe, read_recipe
from eigenlm.training.data import prepare_data
from eigenlm.training.training import Training

CYCLE = 20  # steps, the least common multiple of the default intervals
CHANGES = [
    "model.num_layers=4",
    "tokenizer.vocab_size=8192",
    "train.batch_size=8",
    "train.precision=bfloat16",
]
OFF = TelemetryRecipe(every=0, spectrum_every=0)


class Clock:
    """Adds up what wrapped calls take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wrap(self, act: Callable[..., Any]) -> Callable[..., Any]:
        """The same act, timed."""

        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return act(*arguments, **options)
            finally:
                self.seconds += time.perf_counter() - start

        return timed


def trainings(recipe: Recipe, folder: Path) -> dict[str, Training]:
    """One run with telemetry and one without, otherwise equal."""
    data = prepare_data(recipe, folder)
    recipes = {"on": recipe, "off": replace(recipe, telemetry=OFF)}
    return {name: Training(one, *data, Ranks()) for name, one in recipes.items()}


def cycle(training: Training) -> list[float]:
    """Seconds of each step of a cycle."""
    seconds = []
    for _ in range(CYCLE):
        start = time.perf_counter()
        training.step()
        seconds.append(time.perf_counter() - start)
    return seconds


def measure(rounds: int) -> dict[str, Any]:
    """Rounds on and off in turn, in an order that alternates too."""
    recipe = read_recipe(Path(__file__).parent.parent / "recipes" / "gpt_small.py", depth=6, changes=CHANGES)
    with tempfile.TemporaryDirectory() as folder:
        runs, clock, own = trainings(recipe, Path(folder)), Clock(), []
        watch, alarms = runs["on"].telemetry, runs["on"].alarms
        for holder, name in ((watch, "micro_batch"), (watch, "before_step"), (watch, "after_step"), (alarms, "check")):
            setattr(holder, name, clock.wrap(getattr(holder, name)))
        seconds: dict[str, list[float]] = {"on": [], "off": []}
        for i in range(rounds + 1):
            for name in ("on", "off") if i % 2 else ("off", "on"):
                clock.seconds = 0.0
                steps = cycle(runs[name])
                if i > 0:
                    seconds[name] += steps
                    own += [clock.seconds / CYCLE] if name == "on" else []
    whole = {
        name: [sum(values[i : i + CYCLE]) for i in range(0, len(values), CYCLE)] for name, values in seconds.items()
    }
    return {
        "seconds_a_step_off": spread(seconds["off"]),
        "seconds_a_step_on": spread(seconds["on"]),
        "milliseconds_of_telemetry_a_step": spread([1e3 * value for value in own]),
        "cost": statistics.median(own) / statistics.median(seconds["off"]),
        "cost_of_whole_rounds": spread([a / b - 1 for a, b in zip(whole["on"], whole["off"])]),
        "must": "cost <= 0.03; aim 0.02",
    }


def main() -> None:
    """Measure with two threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    keep_freed_memory()
    figures = {"recipe": vars(TelemetryRecipe()), "threads": torch.get_num_threads(), "steps_a_round": CYCLE}
    record("telemetry", figures | measure(arguments.rounds))


if __name__ == "__main__":
    main()
