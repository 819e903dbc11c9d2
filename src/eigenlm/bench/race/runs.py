"""One run of a race: trained in a folder of its own on the race's tokens, and what came of it."""

import json
import math
import os
import shutil
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from eigenlm.bench.race.plan import Run, recipe_of
from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.config import from_dict, to_dict
from eigenlm.errors import ConfigError
from eigenlm.files import regular, whole_folder, write_text
from eigenlm.training.inputs import NAME as INPUTS
from eigenlm.training.loop import train
from eigenlm.training.recipe import Recipe
from eigenlm.training.training import Step
from eigenlm.training.watcher import Watcher

# SOAP and Shampoo work on their bases every tenth step: a mean over so many has that work in it, a median would not.
_BLOCK = 20
_CURVE_POINTS = 100
_SHARED = ("tokenizer", "shards")


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What came of a run.

    Attributes:
        run: which.
        nll: on validation text at the end of the schedule, nats a token. A run that diverged is given that of a model
            that knows nothing, ln(vocabulary).
        diverged: whether it did.
        step_seconds: seconds of a step: the median over blocks of steps of their mean, which one slow moment of the
            machine does not move.
        seconds: of all steps together, as the clock had it.
        curve_steps: where in the run the curve is, steps.
        curve_losses: the training loss there, nats a token; each is a mean over the steps since the one before.
    """

    run: Run
    nll: float
    diverged: bool
    step_seconds: float
    seconds: float
    curve_steps: tuple[int, ...]
    curve_losses: tuple[float, ...]


def execute(run: Run, recipe: Recipe, folder: Path, stepped: Callable[[], None] = lambda: None) -> RunResult:
    """Train a run in its sub-folder of the race's, or read what came of it when it is done already.

    Args:
        run: which.
        recipe: the race's, its vocabulary as large as the tokenizer's.
        folder: the race's, with `tokenizer` and `shards`.
        stepped: called after each step that is made now.

    Raises:
        ConfigError: the folder holds the run of another recipe, or an optimizer that does not fit.
        DataError: a full disk.
    """
    place = folder / "runs" / run.name
    if not (place / "result.json").exists():
        _share(folder, place)
        watcher = _Watcher(stepped)
        try:
            train(recipe_of(run, recipe), place, watcher=watcher)
            diverged = False
        except ConfigError:
            if not watcher.has_stepped:
                raise
            diverged = True
        result = _read(run, place, recipe.model.vocab_size, diverged)
        write_text(place / "result.json", json.dumps(to_dict(result), indent=1) + "\n")
    # A race is about losses; the weights of many runs would fill the disk.
    for name in ("snapshots", "model", *_SHARED):
        shutil.rmtree(place / name, ignore_errors=True)
    return from_dict(RunResult, read_json_object(place / "result.json"), str(place / "result.json"))


class _Watcher(Watcher):
    def __init__(self, stepped: Callable[[], None]) -> None:
        self.has_stepped, self._stepped = False, stepped

    def stepped(self, step: Step, seconds: float, tokens_per_second: float, mfu: float) -> None:
        self.has_stepped = True
        self._stepped()


def _share(folder: Path, place: Path) -> None:
    """Give a run the race's tokenizer and shards: the same files, not copies, where the disk allows it."""
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy2(folder / INPUTS, place / INPUTS)
    for name in _SHARED:
        if not (place / name).exists():
            with whole_folder(place / name) as target:
                shutil.copytree(folder / name, target, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _read(run: Run, place: Path, vocab_size: int, diverged: bool) -> RunResult:
    lines = _lines(place / "log.jsonl")
    losses = [float(line["loss"]) for line in lines if line.get("taken")]
    seconds = list({line["step"]: line["seconds"] for line in _lines(place / "timing.jsonl")}.values())
    scores = [line["validation"]["nll"] for line in lines if "validation" in line]
    ends = np.unique(np.linspace(0, len(losses), min(_CURVE_POINTS, len(losses)) + 1).astype(int)).tolist()
    return RunResult(
        run=run,
        nll=math.log(vocab_size) if diverged else float(scores[-1]),
        diverged=diverged,
        step_seconds=steady_mean(seconds),
        seconds=sum(seconds),
        curve_steps=tuple(ends[1:]),
        curve_losses=tuple(statistics.fmean(losses[a:b]) for a, b in pairwise(ends)),
    )


def steady_mean(seconds: list[float], block: int = _BLOCK) -> float:
    """The median over blocks of consecutive values of their mean; an unfinished last block does not count.

    >>> steady_mean([1.0, 3.0, 1.0, 3.0, 1.0, 90.0, 1.0, 3.0, 7.0], block=2)
    2.0
    """
    blocks = [seconds[i : i + block] for i in range(0, len(seconds) - block + 1, block)] or [seconds]
    return statistics.median(statistics.fmean(values) for values in blocks)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in regular(path).read_text(encoding="utf-8").splitlines()]
