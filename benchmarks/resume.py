"""Runs stopped twice, at random places, come to the same bits as runs that were not: weights, optimizer and log.

python benchmarks/resume.py --cases 200 --processes 10

Each case is drawn from its number: optimizer, objective, precision, documents, and where it is stopped, between
steps or micro-batches. Some are stopped by SIGTERM as whole processes of `eigenlm train` instead.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from record import record
from tiny_runs import outcome_of, tiny_recipe, write_documents

from eigenlm.training import Outcome, Recipe, train
from eigenlm.training.snapshots import snapshots

STEPS, SAVE_EVERY = 10, 4
RECIPES = Path(__file__).parent.parent / "recipes"


def main() -> None:
    """Try all cases and write the result down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200, help="stopped inside one process")
    parser.add_argument("--processes", type=int, default=10, help="stopped by SIGTERM")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    options = parser.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    cases: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        text = write_documents(place / "documents.jsonl")
        for number in range(options.first, options.first + options.cases):
            cases.append(note(stopped_case(number, text, place)))
        for number in range(options.processes):
            cases.append(note(signalled_case(number, text, place)))
    record("resume", {**summary(cases), "seconds": round(time.perf_counter() - start), "cases": cases})
    sys.exit(any(case["differs"] for case in cases))


def note(case: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps(case), file=sys.stderr, flush=True)
    return case


def stopped_case(number: int, text: Path, place: Path) -> dict[str, Any]:
    """One run by itself, and the same one stopped twice and gone on with."""
    draw = random.Random(f"stops of {number}")
    recipe = tiny_recipe(number, text, steps=STEPS, save_every=SAVE_EVERY)
    whole, parts = place / f"{number}-whole", place / f"{number}-parts"
    train(recipe, whole)
    stops = []
    for _ in range(2):
        outcome = train(recipe, parts, stop=after(draw.randrange(1, questions(recipe) // 2)))
        stops.append(snapshots(parts / "snapshots")[-1].name)
        assert not outcome.finished
    finished: Outcome = train(recipe, parts)
    assert finished.finished
    return {"case": number, "kind": "stop", **described(recipe), "stops": stops, "differs": differing(whole, parts)}


def questions(recipe: Recipe) -> int:
    """How often a run asks whether to stop: before each step and between its micro-batches."""
    size = recipe.train.micro_batch_size or recipe.train.batch_size
    return recipe.train.steps * -(-recipe.train.batch_size // size)


def after(count: int) -> Callable[[], bool]:
    """Says stop when asked for the `count`-th time."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= count

    return stop


def signalled_case(number: int, text: Path, place: Path) -> dict[str, Any]:
    """A process of the command line by itself, and the same one sent SIGTERM twice and gone on with."""
    draw = random.Random(f"signals of {number}")
    whole, parts = place / f"{number}-whole-process", place / f"{number}-parts-process"
    settings = settings_of(number)
    started(settings, text, whole).communicate()
    codes, stops = [], []
    while not (parts / "model").exists():
        process = started(settings, text, parts)
        if len(stops) < 2:
            wait_for_training(process)
            time.sleep(draw.uniform(0, 1))
            process.send_signal(signal.SIGTERM)
        process.communicate()
        codes.append(process.returncode)
        stops.append(snapshots(parts / "snapshots")[-1].name)
    case = {"case": number, "kind": "SIGTERM", "settings": settings, "stops": stops, "exit codes": codes}
    return {**case, "differs": differing(whole, parts)}


def settings_of(number: int) -> list[str]:
    kind = ("adamw", "muon", "soap", "shampoo", "sgd")[number % 5]
    rate = 0.02 if kind in ("muon", "sgd") else 2e-3
    train_settings = ["steps=150", "batch_size=8", "micro_batch_size=2", "save_every=20", "eval_every=30"]
    return [
        *(f"train.{setting}" for setting in [*train_settings, "sample_every=50", f"seed={number}"]),
        f"train.precision={('float32', 'bfloat16')[number // 5 % 2]}",
        *("model.dropout=0.1", f"optimizer.kind={kind}", f"optimizer.learning_rate={rate}"),
    ]


def started(settings: list[str], text: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "eigenlm", "train", str(RECIPES / "shakespeare.py"), "--depth", "2"]
    words = [*command, "--text", str(text), "--out", str(out), "--set", *settings]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for_training(process: subprocess.Popen) -> None:
    """Until a process has said that it trains, or has ended."""
    assert process.stderr is not None
    for line in process.stderr:
        if "GFLOP/s" in line:
            return


def described(recipe: Recipe) -> dict[str, str]:
    return {
        "optimizer": recipe.optimizer.kind,
        "objective": recipe.data.objective,
        "documents": recipe.data.documents,
        "precision": recipe.train.precision,
    }


def differing(whole: Path, parts: Path) -> list[str]:
    """Names of what did not come out the same."""
    one, other = outcome_of(whole), outcome_of(parts)
    return [name for name in one if one[name] != other[name]]


def summary(cases: list[dict[str, Any]]) -> dict[str, Any]:
    """How many, of what, and how many were the same to the bit."""
    equal = [case for case in cases if not case["differs"]]
    inside = sum(not stop.removesuffix("-stopped").endswith("-0000") for case in cases for stop in case["stops"])
    return {
        "runs": len(cases),
        "equal": len(equal),
        "stops": sum(len(case["stops"]) for case in cases),
        "stops inside an accumulation": inside,
        "by kind": dict(Counter(case["kind"] for case in cases)),
        "by optimizer": dict(Counter(case.get("optimizer", "process") for case in cases)),
        "by objective": dict(Counter(case.get("objective", "process") for case in cases)),
    }


if __name__ == "__main__":
    main()
