"""Damaged files of every kind: each is refused in one line or serves; none ends in a traceback, an abort or a hang.

python benchmarks/mutants.py [--tries 2500] [--seed 9] [--workers 2] [--only KIND] [--keep FOLDER]

Seeds are small valid files built by the repository's tests. A mutant is one of them, or an earlier mutant that reached
lines of eigenlm that none had reached, damaged in its structure or its bytes. It is looked at, loaded, encoded with,
run and rendered in a process that is watched: 10 seconds of the processor (or a minute asleep) for each of these, and
memory up to twice the file and 500 MB. Some go through the command line as well, in a fork or now and then a whole
process, which has to answer with one line and code 2, or with code 0. Everything is drawn from the seed; `--keep` has
what failed.
"""

import argparse
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

from command_runs import killed
from mutant_acts import line_fault, outcome
from mutant_seeds import Seed, seeds
from mutant_worker import FAULTS, Worker, executable_lines
from mutations import damaged
from record import record

from eigenlm.errors import visible

PROMPT = "The matrix"
# Lines of eigenlm.progress, which a command writes that takes more than two seconds.
PROGRESS = re.compile(r"[\w ]+: (\d[\d,]*( of \d[\d,]*)?, [\d.]+/s(, [\d:]+ left)?|[\d:]+ so far)")


def main() -> None:
    """Every kind in a process of its own, and the counts of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=2500, help="of each kind")
    parser.add_argument("--commands", type=int, default=34, help="of each kind, through the command line")
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--workers", type=int, default=2, help="processes at once")
    parser.add_argument("--only", help="one kind")
    parser.add_argument("--keep", type=Path, help="a folder for mutants that fail")
    parser.add_argument("--busy", action="store_true", help="note that the machine had other work")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        place, start = Path(name), time.perf_counter()
        made = seeds(place / "seeds")
        kinds = [options.only] if options.only else list(made)
        for kind, process in _side_by_side(kinds, options.workers):
            if process == 0:
                found = tried(kind, made[kind], place / f"of {kind}", options)
                (place / f"{kind}.json").write_text(json.dumps(found))
                os._exit(0)
        found = {kind: json.loads((place / f"{kind}.json").read_text()) for kind in kinds}
        seconds = round(time.perf_counter() - start)
    figures = summary(found, seconds, options)
    print(json.dumps({key: value for key, value in figures.items() if key != "kinds"}, indent=1))
    if options.only is None:
        record("mutants", figures)
    sys.exit(any(figures["faults"].values()))


def _side_by_side(kinds: list[str], most: int) -> Iterator[tuple[str, int]]:
    """A fork for each kind, so many at once; yields 0 in the fork."""
    running: set[int] = set()
    for kind in kinds:
        if len(running) == most:
            running.discard(os.wait()[0])
        process = os.fork()
        yield kind, process
        running.add(process)
    for process in running:
        os.waitpid(process, 0)


def tried(kind: str, made: list[Seed], place: Path, options: Any) -> dict[str, Any]:
    """Mutants of one kind, one after another."""
    draw, corpus = random.Random(f"{options.seed} {kind}"), list(made)
    counts: dict[str, Counter] = {"outcomes": Counter(), "made by": Counter(), "refused by": Counter()}
    commands, slowest, peak, faults = Counter(), 0.0, 0.0, []
    lines: set[str] = set()
    every = max(1, options.tries // options.commands) if options.commands else 0
    warm(kind, made, place / "whole")
    with Worker(kind, place / "worker") as worker:
        for number in range(options.tries):
            parent = draw.choice(corpus if draw.random() < 0.6 else made)
            mutant, how = mutated(parent, corpus, draw)
            entry = written(mutant, place / "mutant")
            told = worker.tried(entry, sum(map(len, mutant.files.values())))
            counts["outcomes"][told["outcome"]] += 1
            counts["made by"][how if parent in made else f"{how} of a mutant that reached new lines"] += 1
            if told["outcome"] == "refused":
                counts["refused by"][told["detail"]] += 1
            slowest, peak = max(slowest, told["seconds"]), max(peak, told["peak_mb"])
            if told["outcome"] in FAULTS:
                faults.append(kept({"try": number, "seed": mutant.name, **told}, place / "mutant", kind, options))
            elif new := set(told["lines"]) - lines:
                lines |= new
                corpus.append(mutant)
            if every and number % every == 0 and kind != "tokenizer":
                code, fault = command_fault(command_on(kind, entry, draw), place / "streams", draw)
                commands[code] += 1
                if fault:
                    faults.append(kept({"try": number, "seed": mutant.name, **fault}, place / "mutant", kind, options))
            if number % 250 == 249:
                print(f"{kind}: {number + 1} of {options.tries}, {len(faults)} faults, {len(lines)} lines", flush=True)
    return {
        **{name: dict(count.most_common()) for name, count in counts.items()},
        "seeds": len(made),
        "mutants kept as seeds": len(corpus) - len(made),
        "commands": dict(commands),
        "lines": sorted(lines),
        "slowest_act_seconds": round(slowest, 2),
        "largest_peak_mb": round(peak, 1),
        "faults": faults,
    }


def warm(kind: str, made: list[Seed], place: Path) -> None:
    """Try the seeds themselves, unwatched: what is compiled at its first call, and kept, is no hang."""
    if (process := os.fork()) == 0:
        for seed in made:
            outcome(kind, written(seed, place), lambda: None)
        os._exit(0)
    os.waitpid(process, 0)


def mutated(parent: Seed, corpus: list[Seed], draw: random.Random) -> tuple[Seed, str]:
    """A seed with a file of it damaged, and how; the checksum of a plan's tensors mostly follows."""
    name = draw.choice([name for name in parent.targets if name in parent.files])
    others = [other.files[name] for other in draw.sample(corpus, min(len(corpus), 3)) if name in other.files]
    content, how = damaged(name, parent.files[name], draw, others)
    files = parent.files | {name: content}
    if name == "plan.safetensors" and draw.random() < 0.8:
        files["plan.json"] = _with_digest(files["plan.json"], content)
    return Seed(parent.name, files, parent.targets, parent.entry), how


def _with_digest(plan: bytes, tensors: bytes) -> bytes:
    from hashlib import sha256

    try:
        return json.dumps(json.loads(plan) | {"factors_sha256": sha256(tensors).hexdigest()}).encode()
    except (ValueError, TypeError, RecursionError):
        return plan


def written(mutant: Seed, folder: Path) -> Path:
    """The mutant on disk."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in mutant.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / mutant.entry


def kept(fault: dict[str, Any], folder: Path, kind: str, options: Any) -> dict[str, Any]:
    """Put a mutant that failed aside."""
    fault = {key: value for key, value in fault.items() if key != "lines"}
    print(kind, json.dumps(fault), flush=True)
    if options.keep is not None:
        shutil.copytree(folder, options.keep / f"{kind} {options.seed} {fault['try']}", dirs_exist_ok=True)
    return fault


def command_on(kind: str, entry: Path, draw: random.Random) -> list[str]:
    """A command line that reads the mutant."""
    if kind == "plan":
        return ["apply", str(entry), "--out", str(entry.parent / "out")]
    generate = ["generate", str(entry), "--prompt", PROMPT, "--max-tokens", "3"]
    return draw.choice((["info", str(entry)], generate, ["analyze", str(entry)]))


def command_fault(words: list[str], streams: Path, draw: random.Random) -> tuple[str, dict[str, Any] | None]:
    """Run a command as a process; its exit code, and what is wrong with its end, if anything."""
    ran = killed(words, streams, lambda seconds: seconds > 60, whole=draw.random() < 0.1)
    if ran.killed:
        return "hang", {"outcome": "hang", "detail": " ".join(words)}
    said = [line for line in ran.err.splitlines() if not PROGRESS.fullmatch(line)]
    wrong = ran.code not in (0, 2) or visible(ran.out) != ran.out
    if ran.code == 2:
        wrong |= bool(ran.out) and words[0] != "generate"  # which has printed what came before
        wrong |= len(said) != 1 or not ran.err.endswith("\n") or bool(line_fault(said[-1]))
    wrong |= any(not line.startswith("eigenlm: ") for line in said)
    detail = {"outcome": "command", "detail": f"{words[0]} ended with {ran.code}: {ran.err[-500:]}"}
    return str(ran.code), detail if wrong else None


def summary(found: dict[str, dict[str, Any]], seconds: int, options: Any) -> dict[str, Any]:
    """The counts of all kinds together, and of each."""
    reached = {line for each in found.values() for line in each.pop("lines")}
    faults = [fault["outcome"] for each in found.values() for fault in each["faults"]]
    commands = sum((Counter(each["commands"]) for each in found.values()), Counter())
    made_by = sum((Counter(each["made by"]) for each in found.values()), Counter())
    known = executable_lines(reached)
    return {
        "seed": options.seed,
        "tries": sum(sum(each["outcomes"].values()) for each in found.values()),
        "outcomes": dict(sum((Counter(each["outcomes"]) for each in found.values()), Counter())),
        "made by": dict(made_by),
        "commands": dict(commands),
        "faults": {fault: faults.count(fault) for fault in (*FAULTS, "command")},
        "lines reached": len(reached),
        "lines of the files reached": known,
        "slowest_act_seconds": max(each["slowest_act_seconds"] for each in found.values()),
        "largest_peak_mb": max(each["largest_peak_mb"] for each in found.values()),
        "beside other work": options.busy,
        "seconds": seconds,
        "kinds": found,
    }


if __name__ == "__main__":
    main()
