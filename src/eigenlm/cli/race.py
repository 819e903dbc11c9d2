"""`eigenlm race`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.markup import escape

from eigenlm.allowed import optimizer_kinds
from eigenlm.cli.command import Command
from eigenlm.cli.early import refuse_stream
from eigenlm.cli.options import Changes, Corpus, Depth, RecipeFile, read_recipe_for
from eigenlm.cli.output import print_json, print_table
from eigenlm.errors import counted
from eigenlm.terminal import Terminal, say

if TYPE_CHECKING:
    from eigenlm.bench.race import Race as Plan
    from eigenlm.bench.race import RaceResult


@dataclass(frozen=True)
class RaceCommand(Command):
    """Race optimizers on a recipe: swept learning rates, several seeds, steps and time to the same loss; one page."""

    recipe: RecipeFile
    text: Corpus = None
    out: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="FOLDER", aliases=["-o"], help="Folder of the race; races/NAME-OF-THE-RECIPE by default."
        ),
    ] = None
    optimizers: Annotated[
        str, tyro.conf.arg(metavar="NAME,...", help="Who takes part; an unknown name is answered with the list.")
    ] = "adamw,muon,soap"
    target: str = "adamw"
    """The optimizer whose final loss the others have to reach."""
    points: int = 5
    """Learning rates that each is tried at, and half as many more where the best is at the edge."""
    seeds: int = 3
    """Runs of each at its best rate; two at least, for an interval."""
    steps: Annotated[int | None, tyro.conf.arg(metavar="INT", help="Steps of each run; the recipe's by default.")] = (
        None
    )
    depth: Depth = None
    set: Changes = ()

    def check(self) -> None:
        """Refuse optimizers that there are not, and a text that cannot be read again."""
        optimizer_kinds(f"{self.optimizers},{self.target}")
        refuse_stream(self.text, "which each run of the race reads")

    def run(self) -> None:
        """Race, showing how far it is; stopped and started again it goes on with the runs that are missing."""
        from eigenlm.bench.race import hold_race

        plan = self._plan()
        out = self.out or Path("races") / plan.recipe.name
        self._print(hold_race(plan, out), out)

    def _plan(self) -> "Plan":
        from eigenlm.bench.race import Race as Plan
        from eigenlm.bench.race import with_length

        recipe = read_recipe_for(self.recipe, self.text, self.depth, self.set)
        return Plan(
            recipe=recipe if self.steps is None else with_length(recipe, self.steps),
            optimizers=optimizer_kinds(self.optimizers),
            target=self.target.strip().lower(),
            points=self.points,
            seeds=self.seeds,
        )

    def _print(self, result: "RaceResult", out: Path) -> None:
        from eigenlm.bench.race.words import COLUMNS, SHORT, table, verdict

        if self.json:
            print_json(result)
            return
        for entrant in result.entrants:
            told = f"[bold]{escape(entrant.optimizer)}.[/] {escape(verdict(result, entrant))}"
            Terminal().print(told, highlight=False)
        title = f"\n{result.race.recipe.name}, {counted(result.race.steps, 'step')}, {result.race.seeds} seeds"
        print_table(title, *table(result, [*SHORT, *(name for name in COLUMNS if name not in SHORT)]))
        say(f"\npage: {out / 'race.html'}")
