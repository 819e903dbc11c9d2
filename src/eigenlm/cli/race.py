"""`eigenlm race`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.cli.options import Json
from eigenlm.cli.output import print_json, print_table

if TYPE_CHECKING:
    from eigenlm.bench.race import Race as Plan
    from eigenlm.bench.race import RaceResult


@dataclass(frozen=True)
class Race:
    """Race optimizers on a recipe: swept learning rates, several seeds, steps and time to the same loss; one page."""

    recipe: Annotated[
        Path, tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE", help="A recipe's file, such as recipes/gpt2.py.")
    ]
    text: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="TEXT",
            help="A text, jsonl or parquet file (also .gz), a folder of them, or a Hub data set;"
            " the documentation inside Python by default.",
        ),
    ] = None
    out: Annotated[
        Path | None, tyro.conf.arg(metavar="FOLDER", help="Of the race; races/NAME-OF-THE-RECIPE by default.")
    ] = None
    optimizers: Annotated[
        str, tyro.conf.arg(metavar="NAME,...", help="Who takes part: sgd, adam, adamw, muon, soap, shampoo.")
    ] = "adamw,muon,soap"
    target: str = "adamw"
    """Whose final loss the others have to reach."""
    points: int = 5
    """Learning rates that each is tried at, and half as many more where the best is at the edge."""
    seeds: int = 3
    """Runs of each at its best rate; two at least, for an interval."""
    steps: Annotated[int | None, tyro.conf.arg(metavar="INT", help="Of a run; the recipe's by default.")] = None
    depth: Annotated[int | None, tyro.conf.arg(metavar="INT", help="The recipe's dial: its layers.")] = None
    set: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="FIELD=VALUE ...", help="Set fields of the recipe, such as train.batch_size=8."),
    ] = field(default=())
    json: Json = False

    def run(self) -> None:
        """Race, showing how far it is; stopped and started again it goes on with the runs that are missing."""
        from eigenlm.bench.race import hold_race

        plan = self._plan()
        out = self.out or Path("races") / plan.recipe.name
        self._print(hold_race(plan, out), out)

    def _plan(self) -> "Plan":
        from eigenlm.bench.race import Race as Plan
        from eigenlm.bench.race import optimizer_kinds, with_length
        from eigenlm.train.read_recipe import read_recipe

        text = [] if self.text is None else [f"data.text={self.text!r}"]
        recipe = read_recipe(self.recipe, depth=self.depth, changes=[*text, *self.set])
        (target,) = optimizer_kinds(self.target)
        return Plan(
            recipe=recipe if self.steps is None else with_length(recipe, self.steps),
            optimizers=optimizer_kinds(self.optimizers),
            target=target,
            points=self.points,
            seeds=self.seeds,
        )

    def _print(self, result: "RaceResult", out: Path) -> None:
        from eigenlm.bench.race.words import SHORT, table

        if self.json:
            print_json(result)
            return
        title = f"{result.race.recipe.name}, {result.race.steps:,} steps, {result.race.seeds} seeds"
        print_table(title, *table(result, SHORT))
        print(f"\npage: {out / 'race.html'}")
