"""A race whose losses are known: nll = 4 + (log2(rate / best))^2 / 10 + gain * log2(1000 / steps) + offset + noise."""

import math
import random
from pathlib import Path

from eigenlm.bench.race.plan import Race, Run
from eigenlm.bench.race.result import RaceResult, result_of
from eigenlm.bench.race.runs import RunResult
from eigenlm.bench.race.stages import run_stages
from eigenlm.training.recipe_file import read_recipe

STEPS = 1000
RECIPES = Path(__file__).parents[3] / "recipes"
# With gain 0.5, an offset of -0.25 is worth 2^(0.25 / 0.5) times the steps.
GAIN, NOISE, OFFSETS = 0.5, 0.002, {"adamw": 0.0, "muon": -0.25, "soap": -0.02, "sgd": 1.0, "adam": -2.0}
BEST = {"adamw": 2e-3, "muon": 4e-3, "soap": 2e-3, "sgd": 0.8, "adam": 2e-3}
COST = {"adamw": 0.010, "muon": 0.012, "soap": 0.020, "sgd": 0.009, "adam": 0.010}
DIVERGES_ABOVE = 0.9


def plan(*optimizers, **changes) -> Race:
    recipe = read_recipe(RECIPES / "gpt_small.py", depth=1, changes=[f"train.steps={STEPS}"])
    return Race(**{"recipe": recipe, "optimizers": optimizers or ("adamw", "muon", "soap", "sgd")} | changes)


def simulate(run: Run) -> RunResult:
    chance = random.Random(run.name)
    octaves = math.log2(run.learning_rate / BEST[run.optimizer])
    nll = 4 + octaves**2 / 10 + GAIN * math.log2(STEPS / run.steps) + OFFSETS[run.optimizer] + chance.gauss(0, NOISE)
    diverged = run.learning_rate > DIVERGES_ABOVE
    return RunResult(
        run=run,
        nll=math.log(4096) if diverged else nll,
        diverged=diverged,
        step_seconds=COST[run.optimizer] * (1 + 0.01 * chance.random()),
        seconds=run.steps * COST[run.optimizer],
        curve_steps=(run.steps // 2, run.steps),
        curve_losses=(nll + 1, nll),
    )


def result(race: Race) -> RaceResult:
    return result_of(race, run_stages(race, simulate), {"Model": "simulated"})
