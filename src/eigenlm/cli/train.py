"""`eigenlm train`."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.cli.options import Changes, Corpus, Depth, Json, RecipeFile, read_recipe_for
from eigenlm.cli.output import print_json, print_table
from eigenlm.terminal import say

if TYPE_CHECKING:
    from eigenlm.training import Outcome, Recipe


@dataclass(frozen=True)
class TrainCommand:
    """Train a tokenizer and a model from a recipe and a text; the same command goes on where it stopped."""

    recipe: RecipeFile
    text: Corpus = None
    out: Annotated[
        Path | None, tyro.conf.arg(metavar="FOLDER", help="Folder of the run; runs/NAME-OF-THE-RECIPE by default.")
    ] = None
    depth: Depth = None
    set: Changes = ()
    dry_run: bool = False
    """Print what it would be and need, and stop before anything is allocated."""
    cluster: Annotated[
        str | None, tyro.conf.arg(metavar="NAME", help="With --dry-run: forecast for it, such as '8x H200'.")
    ] = None
    json: Json = False

    def run(self) -> None:
        """Train, showing how it goes; exits with 130 or 143 when a signal stopped it."""
        from eigenlm.cli.train_display import Display
        from eigenlm.machine.processes import is_first_rank
        from eigenlm.verbs import train

        recipe = read_recipe_for(self.recipe, self.text, self.depth, self.set)
        if self.dry_run:
            if is_first_rank():
                self._forecast(recipe)
            return
        out = self.out or Path("runs") / recipe.name
        with _signals() as heard, Display(recipe) as display:
            outcome = train(recipe, out, watcher=display, stop=lambda: bool(heard))
        if is_first_rank():
            self._print(outcome, recipe)
        if not outcome.finished:  # of several ranks perhaps another heard the signal
            raise SystemExit(128 + next(iter(heard), signal.SIGTERM))

    def _forecast(self, recipe: "Recipe") -> None:
        from eigenlm.planner import cluster, forecast, lines

        made = forecast(recipe, None if self.cluster is None else cluster(self.cluster))
        if self.json:
            print_json(made)
            return
        columns = ("", "forecast", "in detail")
        print_table(f"{recipe.name}, before anything is allocated", columns, lines(made), words=columns)

    def _print(self, outcome: "Outcome", recipe: "Recipe") -> None:
        if self.json:
            print_json(outcome)
        elif outcome.finished:
            model = outcome.model
            speak = f"eigenlm chat {model} or " if recipe.model.kind == "decoder" else ""
            say(f"{model}: next, {speak}eigenlm analyze {model} --html report.html")
        else:
            ranks = os.environ.get("LOCAL_WORLD_SIZE")
            program = "eigenlm" if ranks is None else f"torchrun --nproc-per-node={ranks} -m eigenlm"
            again = " ".join([program, *sys.argv[1:]])
            say(f"stopped at step {outcome.step:,} and saved in {outcome.folder}; to go on: {again}")


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Signals heard so far: the first asks the run to save and stop, a second interrupt stops it at once."""
    heard: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        if heard and number == signal.SIGINT:
            raise KeyboardInterrupt
        heard.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
