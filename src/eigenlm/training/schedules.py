"""How the learning rate goes over a run."""

import math

from eigenlm.errors import ConfigError, explain
from eigenlm.training.recipe import ScheduleRecipe


def factor(step: int, steps: int, recipe: ScheduleRecipe) -> float:
    """The factor of the peak learning rate at a step, counted from 0, of a run of so many.

    Until `warmup`:  (step + 1) / (warmup + 1).  Then, with u the fraction of the way from the start of the decay to the
    end of the run, (step - start) / (steps - start), or 0 before the start:

        linear, wsd   1 - (1 - final) u
        cosine        final + (1 - final) (1 + cos(pi u)) / 2      (arXiv:1608.03983, equation 5)
        constant      1

    The decay starts at `warmup`, for `wsd` at `steps - round(decay * steps)` (arXiv:2404.06395, section 4). u = 1 and
    `final` are reached when the run is over, so that no step is taken at rate 0.

    Args:
        step: 0 to steps - 1.
        steps: of the whole run.
        recipe: which schedule; `check` says whether it fits the run.

    >>> recipe = ScheduleRecipe(kind="linear", warmup=1, final=0.0)
    >>> [factor(step, 5, recipe) for step in range(5)]
    [0.5, 1.0, 0.75, 0.5, 0.25]
    """
    if step < recipe.warmup:
        return (step + 1) / (recipe.warmup + 1)
    start = steps - _decay_steps(steps, recipe) if recipe.kind == "wsd" else recipe.warmup
    u = max(0.0, (step - start) / (steps - start))
    if recipe.kind == "constant":
        return 1.0
    if recipe.kind == "cosine":
        return recipe.final + (1 - recipe.final) * (1 + math.cos(math.pi * u)) / 2
    return 1 - (1 - recipe.final) * u


def check(steps: int, recipe: ScheduleRecipe) -> None:
    """Refuse a schedule that does not fit into a run.

    Raises:
        ConfigError: the warm-up is negative or as long as the run, meets the decay, or the final factor is no fraction.
    """
    if not 0 <= recipe.warmup < steps:
        do = "lower schedule.warmup or raise train.steps"
        raise ConfigError(explain("schedule.warmup", expected=f"0 to {steps - 1} steps", got=recipe.warmup, do=do))
    if recipe.kind == "wsd" and recipe.warmup + _decay_steps(steps, recipe) > steps:
        got = f"{recipe.warmup} and {_decay_steps(steps, recipe)} of {steps}"
        do = "lower schedule.warmup or schedule.decay"
        raise ConfigError(explain("schedule", expected="warm-up and decay within the run", got=got, do=do))
    if not 0 <= recipe.final <= 1:
        raise ConfigError(explain("schedule.final", expected="a fraction from 0 to 1", got=recipe.final))


def _decay_steps(steps: int, recipe: ScheduleRecipe) -> int:
    return max(1, round(recipe.decay * steps))
