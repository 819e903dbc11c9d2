"""`eigenlm train`."""

import os
import shlex
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.early import refuse_stream
from eigenlm.cli.options import Changes, Corpus, Depth, RecipeFile, Start, read_recipe_for
from eigenlm.cli.output import print_json, print_table
from eigenlm.errors import ConfigError, explain
from eigenlm.terminal import say, tell

if TYPE_CHECKING:
    from eigenlm.training import Outcome, Recipe

_DAY = 86400.0  # seconds
_SHORT = 1e12  # operations, which take seconds


@dataclass(frozen=True)
class TrainCommand(Command):
    """Train a tokenizer and a model from a recipe and a text; the same command goes on where it stopped."""

    recipe: RecipeFile
    text: Corpus = None
    out: Annotated[
        Path | None,
        tyro.conf.arg(metavar="FOLDER", aliases=["-o"], help="Folder of the run; runs/NAME-OF-THE-RECIPE by default."),
    ] = None
    depth: Depth = None
    start: Start = None
    set: Changes = ()
    dry_run: bool = False
    """Print what it would be and need, and stop before anything is allocated."""
    cluster: Annotated[
        str | None, tyro.conf.arg(metavar="NAME", help="With --dry-run: forecast for it, such as '8x H200'.")
    ] = None
    yes: bool = False
    """Begin a run that will take more than a day."""

    def check(self) -> None:
        """Refuse a text that cannot be read again, and a cluster to train on."""
        refuse_stream(self.text, "which the run reads again when it goes on")
        if self.cluster is not None and not self.dry_run:
            do = "add --dry-run; on the cluster itself, start it with torchrun"
            raise ConfigError(explain("--cluster", expected="--dry-run beside it", got="none", do=do))

    def run(self) -> None:
        """Train, showing how it goes; exits with 130 or 143 when a signal stopped it."""
        from eigenlm.cli.train_display import Display
        from eigenlm.machine.processes import is_first_rank
        from eigenlm.verbs import train

        recipe = read_recipe_for(self.recipe, self.text, self.depth, self.set, self.start)
        if self.dry_run:
            if is_first_rank():
                self._forecast(recipe)
            return
        out = self.out or Path("runs") / recipe.name
        if is_first_rank() and not (out / "recipe.json").exists():
            _check_length(recipe, self.yes)
        with _Signals() as signals, Display(recipe, signals.listen) as display:
            outcome = train(recipe, out, watcher=display, stop=lambda: bool(signals.heard))
        if is_first_rank():
            self._print(outcome, recipe)
        if not outcome.finished:  # of several ranks perhaps another heard the signal
            raise SystemExit(128 + next(iter(signals.heard), signal.SIGTERM))

    def _forecast(self, recipe: "Recipe") -> None:
        from eigenlm.planner import cluster, forecast, lines
        from eigenlm.training.start import open_start

        if recipe.start is not None:
            open_start(recipe)
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
            model = shlex.quote(str(outcome.model))
            speak = f"eigenlm chat {model} or " if recipe.model.kind == "decoder" else ""
            self.point_to(outcome.model, f"{speak}eigenlm analyze {model} --html report.html")
        else:
            ranks = os.environ.get("LOCAL_WORLD_SIZE")
            program = "eigenlm" if ranks is None else f"torchrun --nproc-per-node={ranks} -m eigenlm"
            again = f"{program} {shlex.join(sys.argv[1:])}"
            say(f"stopped at step {outcome.step:,} and saved in {outcome.folder}; to go on: {again}")


class _Signals:
    """Signals heard since `listen`: the first asks a run to save and stop, a second interrupt stops it at once.

    Before that there is nothing to save, and they end this command as any other.
    """

    def __init__(self) -> None:
        self.heard: list[int] = []
        self._before: dict[int, Any] = {}

    def listen(self) -> None:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.heard and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.heard.append(number)

    def __enter__(self) -> "_Signals":
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _check_length(recipe: "Recipe", accepted: bool) -> None:
    """Say how long a run of more than seconds will take, and refuse one of more than a day that was not meant.

    Raises:
        ConfigError: it is of more than a day, and not accepted.
    """
    from eigenlm.planner import batch_flops, forecast, in_words

    if batch_flops(recipe).step * recipe.train.steps < _SHORT:
        return
    made = forecast(recipe)
    told = f"{in_words(made.seconds)} for {recipe.train.steps:,} steps on this machine"
    if made.seconds > _DAY and not accepted:
        do = "add --yes if that is meant, or take fewer steps (--set train.steps=N) or a smaller model (--depth N)"
        raise ConfigError(explain(f"training {recipe.name}", expected="at most a day", got=f"about {told}", do=do))
    tell(f"about {told}, evaluations and snapshots apart")
