"""Commands of eigenlm killed at random instants, on full disks, and with damaged files: nothing is lost or mixed up.

python benchmarks/kills.py

`train` is killed over its whole life, the learning of the tokenizer and the building of shards included, and given
again until it is through: weights, moments, log and model have to be those of a run that nobody disturbed, by SHA-256.
The other commands that write have to leave what was there before, or all of what is new. Needs root, for small disks.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import damaged_runs
import full_disks
import killed_commands
import torch
from command_runs import run, warm
from record import record
from tiny_runs import write_documents

RECIPES = Path(__file__).parent.parent / "recipes"
SETTINGS = ["tokenizer.vocab_size=300", "model.context_length=16", "train.steps=4", "schedule.warmup=2"]
SETTINGS += ["model.feed_forward.activation=gelu_tanh"]  # which llama.cpp has
FORKS = "forks of a process that has torch imported, through the function that `python -m eigenlm` calls"


def main() -> None:
    """Do it all and write the result down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=150, help="of `train` in forks")
    parser.add_argument("--whole", type=int, default=40, help="of `train` as `python -m eigenlm`")
    parser.add_argument("--others", type=int, default=10, help="of each other command")
    parser.add_argument("--disks", type=int, default=6, help="runs on a disk that is too small")
    parser.add_argument("--damages", type=int, default=168, help="of files in a run's folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        text = in_a_fork(place)
        made = prepared(text, place)
        cases = [
            *noted(killed_commands.trainings(text, place, options.kills)),
            *noted(killed_commands.others(*made, text, place, options.others)),
            *noted(full_disks.trainings(text, place, options.disks)),
            *noted(full_disks.others(*made, text, place)),
            *noted(damaged_runs.damages(text, place, options.damages)),
            *noted(killed_commands.trainings(text, place, options.whole, whole=True)),
        ]
    record("kills", {**summary(cases), "seconds": round(time.perf_counter() - start), "cases": cases})
    sys.exit(any(case["failed"] for case in cases))


def in_a_fork(place: Path) -> Path:
    """The text, written by another process: threads of the tokenizer library would not outlive later forks."""
    text = place / "documents.jsonl"
    if (process := os.fork()) == 0:
        write_documents(text)
        os._exit(0)
    os.waitpid(process, 0)
    return text


def prepared(text: Path, place: Path) -> tuple[Path, Path, Path]:
    """A model, a plan for it, and a folder of outputs that another model had."""
    streams, models = place / "streams", []
    streams.mkdir()
    words = ["train", str(RECIPES / "gpt_small.py"), "--depth", "1", "--text", str(text)]
    for seed in (1, 2):
        out = ["--out", str(place / f"made-{seed}")]
        warm([*words, *out, "--set", *SETTINGS, f"train.seed={seed}"], streams)
        models.append(place / f"made-{seed}" / "model")
    former, plan = place / "former", place / "plan.json"
    former.mkdir()
    for kind in ("export gguf", "plan", "analyze"):
        words = killed_commands.writing_commands(models[1], plan, text, former)[kind]
        assert (made := run(words, streams)).code == 0, made.err
    words = killed_commands.writing_commands(models[0], plan, text, place)["plan"]  # which is `plan`
    assert (made := run(words, streams)).code == 0, made.err
    return models[0], plan, former


def noted(cases: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for case in cases:
        print(json.dumps(case), file=sys.stderr, flush=True)
        yield case


def summary(cases: list[dict[str, Any]]) -> dict[str, Any]:
    """How often what was done, and what came of it."""
    kills, full = Counter[str](), Counter[str]()
    for case in cases:
        kills[case["kind"]] += case.get("kills", 0)
        full[case["kind"]] += case.get("times full", 0)
    damages = [case for case in cases if case["kind"] == "damage"]
    return {
        "tries": sum(kills.values()) + sum(full.values()) + len(damages),
        "processes": FORKS,
        "kills": dict(+kills),
        "kills by what was done then": dict(Counter(phase for case in cases for phase in case.get("phases", []))),
        "former outputs kept": sum(case.get("former kept", 0) for case in cases),
        "new outputs whole": sum(case.get("new whole", 0) for case in cases),
        "times the disk was full": dict(+full),
        "damages by kind": {how: dict(of) for how, of in by(damages, "how").items()},
        "damages by file": {file: dict(of) for file, of in by(damages, "file").items()},
        "failed": sum(bool(case["failed"]) for case in cases),
    }


def by(damages: list[dict[str, Any]], key: str) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for case in damages:
        found.setdefault(case[key], Counter())[case["outcome"]] += 1
    return found


if __name__ == "__main__":
    main()
