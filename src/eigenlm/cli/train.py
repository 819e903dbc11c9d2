"""`eigenlm train`."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import tyro

from eigenlm.cli.options import Json
from eigenlm.cli.output import print_json, print_table

if TYPE_CHECKING:
    from eigenlm.train import Outcome, Recipe


@dataclass(frozen=True)
class Train:
    """Train a tokenizer and a model from a recipe and a text; the same command goes on where it stopped."""

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
        Path | None, tyro.conf.arg(metavar="FOLDER", help="Of the run; runs/NAME-OF-THE-RECIPE by default.")
    ] = None
    depth: Annotated[int | None, tyro.conf.arg(metavar="INT", help="The recipe's dial: its layers.")] = None
    set: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="FIELD=VALUE ...", help="Set fields of the recipe, such as train.steps=200."),
    ] = field(default=())
    dry_run: bool = False
    """Print what it would be and need, and stop before anything is allocated."""
    cluster: Annotated[
        str | None, tyro.conf.arg(metavar="NAME", help="With --dry-run: forecast for it, such as '8x H200'.")
    ] = None
    json: Json = False

    def run(self) -> None:
        """Train, showing how it goes; exits with 130 or 143 when a signal stopped it."""
        from eigenlm.cli.train_display import Display
        from eigenlm.train import train

        recipe = self._recipe()
        if self.dry_run:
            self._forecast(recipe)
            return
        out = self.out or Path("runs") / recipe.name
        with _signals() as heard, Display(recipe) as display:
            outcome = train(recipe, out, watcher=display, stop=lambda: bool(heard))
        if not display.speaks:
            return
        self._print(outcome)
        if heard:
            raise SystemExit(128 + heard[0])

    def _recipe(self) -> "Recipe":
        from eigenlm.train import read_recipe

        text = [] if self.text is None else [f"data.text={self.text!r}"]
        return read_recipe(self.recipe, depth=self.depth, changes=[*text, *self.set])

    def _forecast(self, recipe: "Recipe") -> None:
        from eigenlm.train.forecast import cluster, forecast, lines

        made = forecast(recipe, None if self.cluster is None else cluster(self.cluster))
        if self.json:
            print_json(made)
            return
        print_table(f"{recipe.name}, before anything is allocated", ("", ""), lines(made))

    def _print(self, outcome: "Outcome") -> None:
        if self.json:
            print_json(outcome)
        elif outcome.finished:
            model = outcome.model
            print(f"{model}: next, eigenlm generate {model} --prompt ... or eigenlm analyze {model} --out report.html")
        else:
            again = " ".join(["eigenlm", *sys.argv[1:]])
            print(f"stopped at step {outcome.step:,} and saved in {outcome.folder}; to go on: {again}")


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
