"""What a race is: one recipe, its entrants, and the runs that each of them gets."""

from dataclasses import dataclass, replace

from eigenlm.allowed import check
from eigenlm.errors import ConfigError, explain
from eigenlm.training.recipe import Recipe, TelemetryRecipe

SWEEP_SEED = 0
"""The sweep has a seed of its own. A rate is chosen for a low loss, partly by luck; its run is not used again."""


@dataclass(frozen=True, kw_only=True)
class Race:
    """A race in which every optimizer has the same text, tokens, first weights, order of texts and budget.

    Attributes:
        recipe: model, text, batch, schedule and length of a run. Weight decay and clip of its optimizer
            serve all entrants, and so do momentum, betas and eps where it gives them; else each has its own.
        optimizers: who takes part.
        target: whose loss, at its best rate, the others have to reach.
        points: learning rates that each is tried at; half as many more where the best is at the edge of them.
        seeds: runs of each at its best rate.
        fractions: of the steps; a challenger is also trained with schedules of these lengths.
    """

    recipe: Recipe
    optimizers: tuple[str, ...]
    target: str = "adamw"
    points: int = 5
    seeds: int = 3
    fractions: tuple[float, ...] = (3 / 4, 2 / 3, 1 / 2)

    def __post_init__(self) -> None:
        """Refuse what makes no race.

        Raises:
            ConfigError: fewer than two optimizers, one twice, a target that does not take part, too few points or
                seeds, or a length that is no shorter one.
        """
        if len(self.optimizers) < 2 or len(set(self.optimizers)) < len(self.optimizers):
            raise ConfigError(explain("race", expected="two or more optimizers", got=", ".join(self.optimizers)))
        if self.target not in self.optimizers:
            expected = f"one that takes part ({', '.join(self.optimizers)})"
            raise ConfigError(explain("race, the target", expected=expected, got=repr(self.target)))
        check(points=self.points, seeds=self.seeds)
        if not all(0 < fraction < 1 for fraction in self.fractions):
            raise ConfigError(explain("race, fractions", expected="numbers between 0 and 1", got=self.fractions))

    @property
    def steps(self) -> int:
        """Optimizer steps of a run of full length."""
        return self.recipe.train.steps

    @property
    def challengers(self) -> tuple[str, ...]:
        """All but the target."""
        return tuple(kind for kind in self.optimizers if kind != self.target)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Steps of the shorter schedules, the longest first."""
        return tuple(sorted({max(1, round(self.steps * fraction)) for fraction in self.fractions}, reverse=True))


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run of a race.

    Attributes:
        optimizer: which.
        learning_rate: its peak.
        other_learning_rate: AdamW's, on what a matrix optimizer leaves.
        steps: optimizer steps, and the length of the schedule.
        seed: of weights and order of texts.
    """

    optimizer: str
    learning_rate: float
    other_learning_rate: float
    steps: int
    seed: int

    @property
    def name(self) -> str:
        """Of the run's folder."""
        return f"{self.optimizer}-rate{self.learning_rate:.4g}-steps{self.steps}-seed{self.seed}"


def with_length(recipe: Recipe, steps: int) -> Recipe:
    """The recipe with another number of steps; its warm-up goes with them, so that the schedule keeps its shape."""
    warmup = round(recipe.schedule.warmup * steps / recipe.train.steps)
    return replace(recipe, schedule=replace(recipe.schedule, warmup=warmup), train=replace(recipe.train, steps=steps))


def recipe_of(run: Run, recipe: Recipe) -> Recipe:
    """What `train` makes of a run: read at the end of its schedule only, watched by nothing that costs time.

    Rollback is off: an optimizer that passed over the batches it cannot take would not have seen the same text.
    """
    recipe = with_length(recipe, run.steps)
    return replace(
        recipe,
        name=run.name,
        optimizer=replace(
            recipe.optimizer,
            kind=run.optimizer,
            learning_rate=run.learning_rate,
            other_learning_rate=run.other_learning_rate,
        ),
        train=replace(recipe.train, seed=run.seed, eval_every=run.steps, sample_every=0, keep_last=1),
        telemetry=TelemetryRecipe(every=0, spectrum_every=0, hessian_every=0, rollback=False),
    )
