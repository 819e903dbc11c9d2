"""Training killed by SIGKILL at random instants, on a full disk, and with damaged files: it goes on, to the same bits.

python benchmarks/kills.py --kills 300 --processes 10

Most processes are forks of this one, which has torch imported already, so that a kill costs a second; some are whole
processes of `eigenlm train`. A third of the kills waits for a hidden folder to appear, the sign that something is being
saved. After every kill the next process has to load what is there, and to have lost at most one interval of saves.
"""

import argparse
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from record import record, spread
from resume import differing, settings_of, started, wait_for_training
from tiny_runs import tiny_recipe, write_documents

from eigenlm.errors import CheckpointError, DataError
from eigenlm.training import Recipe, Watcher, train
from eigenlm.training import loop as training_loop
from eigenlm.training.snapshots import check_snapshot, snapshots
from eigenlm.training.training import Step, Training

STEPS, SAVE_EVERY = 60, 3
LONGEST_LIFE = 0.6  # seconds of training, or before it, until a kill
SAVING = (".step-*.partial", ".model.*.partial", ".step-*.deleted*")


def main() -> None:
    """Do it all and write the result down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="of forks")
    parser.add_argument("--processes", type=int, default=10, help="kills of whole processes of eigenlm train")
    parser.add_argument("--damages", type=int, default=40, help="files cut short or with a bit turned")
    parser.add_argument("--disks", type=int, default=10, help="runs on a disk that is too small")
    options = parser.parse_args()
    torch.set_num_threads(1)
    training_loop.product_rate = lambda *_: 1.0  # type: ignore[assignment]  # a measurement that only takes time here
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        text = write_documents(place / "documents.jsonl")
        cases = [
            *note(forks_killed(text, place, options.kills)),
            *note(processes_killed(text, place, options.processes)),
            *note(full_disk(number, text, place) for number in range(options.disks)),
            *note(damaged(number, text, place) for number in range(options.damages)),
            *note(iter([damaged_shard(text, place)])),
        ]
    record("kills", {**summary(cases), "seconds": round(time.perf_counter() - start), "cases": cases})
    sys.exit(any(case["failed"] for case in cases))


def note(cases: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for case in cases:
        print(json.dumps(case), file=sys.stderr, flush=True)
        yield case


class Reporting(Watcher):
    """Writes where a run stands into a pipe: what it went on from, and each step."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe

    def began(self, training: Training, folder: Path, resumed: bool, peak_flops: float) -> None:
        os.write(self.pipe, f"from {training.position.step}\n".encode())

    def stepped(self, step: Step, seconds: float, tokens_per_second: float, mfu: float) -> None:
        os.write(self.pipe, f"step {step.step + 1}\n".encode())


def forks_killed(text: Path, place: Path, kills: int) -> Iterator[dict[str, Any]]:
    """Runs of ever other recipes, each killed again and again until it is through."""
    done, number = 0, 0
    while done < kills:
        case = fork_killed_until_finished(number, text, place)
        done, number = done + case["kills"], number + 1
        yield case


def fork_killed_until_finished(number: int, text: Path, place: Path) -> dict[str, Any]:
    draw = random.Random(f"kills of {number}")
    recipe = tiny_recipe(number, text, steps=STEPS, save_every=SAVE_EVERY)
    whole, killed = place / f"{number}-whole", place / f"{number}-killed"
    reached, lost, kills, saving, failed = 0, [], 0, 0, []
    wait(forked(recipe, whole)[0])
    while not (killed / "model").exists():
        process, pipe = forked(recipe, killed)
        ended, was_saving = killed_at(process, pipe, killed, draw)
        lines = read_all(pipe)
        resumed = [int(line.split()[1]) for line in lines if line.startswith("from")]
        if resumed and reached:
            lost.append(reached - resumed[0])
        reached = max([int(line.split()[1]) for line in lines] or [reached])
        kills, saving = kills + (ended == -signal.SIGKILL), saving + was_saving
        if ended not in (0, -signal.SIGKILL):
            failed += [f"ended with {ended}", *lines[-1:]]
            break
        failed += unloadable(killed)
    failed += [f"{name} differs" for name in differing(whole, killed)] if not failed else []
    failed += [f"lost {steps} steps" for steps in lost if steps > SAVE_EVERY]
    case = {"kind": "fork", "optimizer": recipe.optimizer.kind, "objective": recipe.data.objective}
    shutil.rmtree(whole), shutil.rmtree(killed)
    return {**case, "kills": kills, "while saving": saving, "most steps lost": max(lost or [0]), "failed": failed}


def unloadable(folder: Path) -> list[str]:
    """What is wrong with the snapshots that can be seen."""
    wrong = []
    for path in snapshots(folder / "snapshots"):
        try:
            check_snapshot(path)
        except CheckpointError as error:
            wrong.append(str(error))
    return wrong


def forked(recipe: Recipe, folder: Path) -> tuple[int, int]:
    """A process that trains, and the pipe it reports into."""
    reading, writing = os.pipe()
    if (process := os.fork()) == 0:
        code = 1
        try:
            os.close(reading)
            train(recipe, folder, watcher=Reporting(writing))
            code = 0
        except Exception as error:
            os.write(writing, f"error {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    os.close(writing)
    return process, reading


def killed_at(process: int, pipe: int, folder: Path, draw: random.Random) -> tuple[int, bool]:
    """Kill a process at a random time or in a save; its exit code, and whether something was being saved."""
    when_saving = draw.random() < 0.4
    if draw.random() < 0.8:
        select.select([pipe], [], [])  # it has begun to train, or has ended
    end = time.monotonic() + draw.uniform(0, LONGEST_LIFE)
    patterns = [draw.choice(SAVING[:2] if draw.random() < 0.7 else SAVING)] if when_saving else []
    while time.monotonic() < end or when_saving:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), False
        if time.monotonic() > end and hidden(folder, patterns):
            time.sleep(draw.uniform(0, 0.02))
            break
        time.sleep(0.0002)
    os.kill(process, signal.SIGKILL)
    code = wait(process)
    return code, code == -signal.SIGKILL and hidden(folder, SAVING)


def hidden(folder: Path, patterns: Any) -> bool:
    return any(any(parent.glob(pattern)) for pattern in patterns for parent in (folder, folder / "snapshots"))


def wait(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def read_all(pipe: int) -> list[str]:
    with os.fdopen(pipe) as lines:
        return [line for line in lines.read().split("\n") if line]


def processes_killed(text: Path, place: Path, kills: int) -> Iterator[dict[str, Any]]:
    """Whole processes of the command line, killed until they are through."""
    done, number = 0, 0
    while done < kills:
        draw, settings = random.Random(f"processes of {number}"), settings_of(number)
        whole, killed = place / f"{number}-whole-process", place / f"{number}-killed-process"
        started(settings, text, whole).communicate()
        codes, failed = [], []
        while not (killed / "model").exists() and 2 not in codes:
            process = started(settings, text, killed)
            wait_for_training(process)
            time.sleep(draw.uniform(0, 1.5))
            process.kill()
            process.communicate()
            codes.append(process.returncode)
            failed += unloadable(killed)
        failed += [f"{name} differs" for name in differing(whole, killed)]
        number, done = number + 1, done + codes.count(-signal.SIGKILL)
        yield {"kind": "process", "settings": settings, "kills": codes.count(-signal.SIGKILL), "failed": failed}


def full_disk(number: int, text: Path, place: Path) -> dict[str, Any]:
    """A run on a disk of its own that is too small, then is not."""
    draw = random.Random(f"disks of {number}")
    recipe, disk, whole = tiny_recipe(number, text, steps=12, save_every=2), place / "disk", place / f"{number}-roomy"
    wait(forked(recipe, whole)[0])
    need = sum(path.stat().st_size for path in whole.rglob("*") if path.is_file())
    errors: list[str] = []
    with small_disk(disk, int(need * draw.uniform(0.1, 0.5))) as grow:
        if grow is None:
            return {"kind": "full disk", "skipped": "no right to mount one", "failed": []}
        for _ in range(40):
            process, pipe = forked(recipe, disk / "run")
            code = wait(process)
            errors += [line.removeprefix("error ") for line in read_all(pipe) if line.startswith("error")]
            if code == 0:
                break
            grow(1.15)
        failed = unloadable(disk / "run") + [f"{name} differs" for name in differing(whole, disk / "run")]
    failed += [error for error in errors if not error.startswith(DataError.__name__)]
    return {
        "kind": "full disk",
        "times full": len(errors),
        "said": sorted({line.replace(f"{place}/", "") for line in errors}),
        "failed": failed,
    }


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[Callable[[float], None] | None]:
    """A file system in memory, of `size` bytes, and how to make it larger; None where that is not allowed."""
    place.mkdir(exist_ok=True)
    size = max(size, 1 << 16)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], stderr=subprocess.DEVNULL)
    if mounted.returncode:
        yield None
        return

    def grow(factor: float) -> None:
        nonlocal size
        size = int(size * factor) + 8192
        subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)

    try:
        yield grow
    finally:
        subprocess.run(["umount", place], check=True)


def damaged(number: int, text: Path, place: Path) -> dict[str, Any]:
    """A run whose newest snapshot has a file cut short, or one bit turned, and that then goes on."""
    draw = random.Random(f"damages of {number}")
    recipe = tiny_recipe(number, text, steps=10, save_every=2)
    recipe = replace(recipe, train=replace(recipe.train, keep_last=2))
    whole, hurt = place / f"{number}-sound", place / f"{number}-hurt"
    wait(forked(recipe, whole)[0])
    asked, last = iter(range(1000)), draw.randrange(15, 25)
    train(recipe, hurt, stop=lambda: next(asked) >= last)
    file = draw.choice(sorted(snapshots(hurt / "snapshots")[-1].iterdir()))
    how = damage(file, draw)
    code = wait(forked(recipe, hurt)[0])
    failed = [f"ended with {code}"] if code else [f"{name} differs" for name in differing(whole, hurt)]
    return {"kind": "damaged snapshot", "file": file.name, "how": how, "failed": failed}


def damage(file: Path, draw: random.Random) -> str:
    """Cut a file short or turn one bit of it; which of the two."""
    content = bytearray(file.read_bytes())
    place, how = draw.randrange(len(content)), draw.choice(["cut short", "a bit turned"])
    content[place] ^= 1 << draw.randrange(8)
    file.write_bytes(content[:place] if how == "cut short" else content)
    return how


def damaged_shard(text: Path, place: Path) -> dict[str, Any]:
    """A run whose shard is cut short: one clear line, and all as it was."""
    recipe, folder = tiny_recipe(0, text, steps=10, save_every=2), place / "shard"
    asked = iter(range(1000))
    train(recipe, folder, stop=lambda: next(asked) >= 10)
    shard = next((folder / "shards").glob("train-0*.bin"))
    shard.write_bytes(shard.read_bytes()[:-2])
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    try:
        train(recipe, folder)
    except DataError as error:
        after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return {
            "kind": "damaged shard",
            "said": str(error).replace(f"{place}/", ""),
            "failed": ["folder changed"] if before != after else [],
        }
    return {"kind": "damaged shard", "failed": ["went on as if nothing had happened"]}


def summary(cases: list[dict[str, Any]]) -> dict[str, Any]:
    """How often it was killed, and what that cost."""
    forks = [case for case in cases if case["kind"] == "fork"]
    return {
        "kills": sum(case.get("kills", 0) for case in cases),
        "kills while saving": sum(case["while saving"] for case in forks),
        "runs": len(cases),
        "runs by kind": dict(Counter(case["kind"] for case in cases)),
        "most steps lost to a kill": max(case["most steps lost"] for case in forks),
        "steps between saves": SAVE_EVERY,
        "kills a run": spread([case["kills"] for case in forks]),
        "times the disk was full": sum(case.get("times full", 0) for case in cases),
        "failed": sum(bool(case["failed"]) for case in cases),
    }


if __name__ == "__main__":
    main()
