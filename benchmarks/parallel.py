"""`torchrun --nproc-per-node=2 -m eigenlm train` in every layout: against one process, stopped, changed, killed.

python benchmarks/parallel.py --kills 10
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
from record import record, spread

from eigenlm.text.python_documentation import python_documentation

RECIPE = Path(__file__).parent.parent / "recipes" / "gpt_small.py"
DOCUMENTS = 400
# Of what a recipe leaves open, all is as it is: telemetry, alarms, rollback. Sizes are those of a small machine.
SETTINGS = {
    "model.context_length": 64,
    "tokenizer.vocab_size": 512,
    "schedule.warmup": 20,
    "train.steps": 60,
    "train.batch_size": 8,
    "train.precision": "float32",
    "train.eval_every": 20,
    "train.eval_tokens": 4096,
    "train.sample_every": 20,
    "train.save_every": 15,
}
LAYOUTS: dict[str, dict[str, Any]] = {
    "one": {},
    "ddp": {"layout.data": "ddp"},
    "fsdp": {"layout.data": "fsdp"},
    "tensor": {"layout.tensor": 2},
}
ON_TWO = ("ddp", "fsdp", "tensor")


def main() -> None:
    """Measure all of it and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="ranks killed under torchrun, one after the other")
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        texts = (document.text for document in islice(python_documentation(), DOCUMENTS))
        (place / "text.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        whole = note("whole", {layout: whole_run(place, layout) for layout in LAYOUTS})
        figures = {
            "recipe": RECIPE.name,
            "settings": SETTINGS,
            "seconds_a_step": {layout: seconds_a_step(place / layout) for layout in LAYOUTS},
            "against_one_process": note("against", {x: difference(place / "one", place / x) for x in ON_TWO}),
            "stopped_and_resumed": note("stopped", {layout: stopped_run(place, layout) for layout in ON_TWO}),
            "layout_changed": note("changed", changed_run(place)),
            "written_by_one_layout_read_by_another": note("read", read_elsewhere(place, whole)),
            "killed": note("ended", {layout: killed_run(place, layout) for layout in ON_TWO}),
            "killed_and_restarted": note("restarted", kills(place, options.kills)),
        }
    record("parallel", {**figures, "seconds": round(time.perf_counter() - start)})


def note(name: str, figures: Any) -> Any:
    """Say what was measured as soon as it is."""
    print(name, json.dumps(figures), file=sys.stderr, flush=True)
    return figures


def start_command(place: Path, out: Path, layout: str, *, restarts: int = 0, **changes: Any) -> subprocess.Popen[str]:
    """The command of README, begun; one thread a process, as torchrun has it."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", f"--max-restarts={restarts}"]
    settings = [f"{name}={value}" for name, value in (SETTINGS | changes | LAYOUTS[layout]).items()]
    words = ["train", str(RECIPE), "--depth", "2", "--text", str(place / "text.jsonl"), "--out", str(out), "--set"]
    return subprocess.Popen(
        [sys.executable, *(torchrun if LAYOUTS[layout] else []), "-m", "eigenlm", *words, *settings],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(job: subprocess.Popen[str]) -> None:
    """Wait for a command, which has to end well."""
    errors = job.communicate(timeout=600)[1]
    if job.returncode != 0:
        raise SystemExit(errors)


def whole_run(place: Path, layout: str) -> dict[str, str]:
    """A run from its beginning to its end; digests of what it left."""
    finish(start_command(place, place / layout, layout))
    return digests(place / layout)


def stopped_run(place: Path, layout: str) -> dict[str, Any]:
    """A run whose last rank hears a signal, and that goes on; whether it comes to the bits of the whole one."""
    out = place / f"{layout}-stopped"
    at = stop_after_a_snapshot(start_command(place, out, layout), out)
    finish(start_command(place, out, layout))
    return {"stopped_at_step": at, "equal_to_the_bit": digests(out) == digests(place / layout)}


def changed_run(place: Path) -> dict[str, Any]:
    """A run that stops in each layout and goes on in the next."""
    out, stops = place / "changed", {}
    for layout in ON_TWO:
        stops[layout] = stop_after_a_snapshot(start_command(place, out, layout), out)
    finish(start_command(place, out, "one"))
    return {"stopped_at_step": stops, "went_on_with": "one", **difference(place / "one", out)}


def read_elsewhere(place: Path, whole: dict[str, dict[str, str]]) -> dict[str, bool]:
    """Whether each layout makes the same model, to the bit, of the last snapshot that another wrote."""
    equal = {}
    for writer, reader in zip(LAYOUTS, (*list(LAYOUTS)[1:], "one")):
        shutil.rmtree(place / writer / "model")
        finish(start_command(place, place / writer, reader))
        equal[f"{writer} by {reader}"] = digests(place / writer)["model"] == whole[writer]["model"]
    return equal


def killed_run(place: Path, layout: str) -> dict[str, Any]:
    """One rank is killed: how long the other lives on, what it says, and whether the run goes on afterwards."""
    out = place / f"{layout}-killed"
    job = start_command(place, out, layout)
    wait_for(lambda: any(map(step_of, snapshots(out))), job)
    first, last = workers(job)
    start = time.perf_counter()
    last.kill()
    while not has_ended(first):
        time.sleep(0.005)
    seconds, errors = time.perf_counter() - start, job.communicate(timeout=60)[1]
    told = [line for line in errors.splitlines() if line.startswith("eigenlm: ")]
    finish(start_command(place, out, layout))
    return {"seconds": seconds, "told": told, "equal_to_the_bit": digests(out) == digests(place / layout)}


def kills(place: Path, count: int) -> dict[str, Any]:
    """Under `--max-restarts` one rank after the other is killed; the time until the run has saved again."""
    out, seconds = place / "restarted", []
    job = start_command(place, out, "fsdp", restarts=2 * count, **{"train.steps": 100000})
    wait_for(lambda: stepped_since(out, 0.0), job)
    for kill in range(count):
        time.sleep(1 + 0.2 * kill)
        before = workers(job)
        killed = time.time()
        before[kill % 2].kill()
        wait_for(lambda before=before: not {w.pid for w in workers(job)} & {w.pid for w in before}, job)
        reborn = time.time()
        wait_for(lambda reborn=reborn: stepped_since(out, reborn), job)
        seconds.append(time.time() - killed)
    job.terminate()
    job.communicate(timeout=60)
    return {"kills": count, "recovered": len(seconds), "seconds_to_next_save": spread(seconds)}


def stop_after_a_snapshot(job: subprocess.Popen[str], out: Path) -> int:
    """Send SIGTERM to the last rank alone when the run has learned and saved; the step that all stopped at."""
    before = snapshots(out)
    wait_for(lambda: any(step_of(name) for name in snapshots(out) - before), job)
    workers(job)[-1].send_signal(signal.SIGTERM)
    errors = job.communicate(timeout=120)[1]
    if (out / "model").exists() or "143" not in errors:
        raise SystemExit(f"not stopped by the signal: {errors}")
    return max(map(step_of, snapshots(out)))


def step_of(snapshot: str) -> int:
    """Of its name."""
    return int(snapshot.split("-")[1])


def difference(one: Path, other: Path) -> dict[str, Any]:
    """The largest differences between the numbers of two logs whose lines say the same things."""
    mine, theirs = log_of(one), log_of(other)
    pairs = [(a, b) for x, y in zip(mine, theirs) for a, b in zip(leaves(x), leaves(y))]
    numbers = [(path, a, b) for (path, a), (_, b) in pairs if isinstance(a, float)]
    losses = [abs(a - b) for path, a, b in numbers if path in ("/loss", "/validation/nll")]
    readings = [abs(a - b) / abs(a) for path, a, b in numbers if path.startswith("/telemetry") and a]
    same = [a == b for a, b in pairs if not isinstance(a[1], float)]
    names = [a[0] == b[0] for a, b in pairs]
    return {
        "lines": len(theirs),
        "same_lines": len(mine) == len(theirs) and all(same) and all(names),
        "max_loss_difference": max(losses),
        "max_relative_difference_of_a_reading": max(readings),
    }


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value of a line under its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}/{key}")
    else:
        yield path, value


def log_of(out: Path) -> list[dict[str, Any]]:
    """The lines of a run's log."""
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def seconds_a_step(out: Path) -> float:
    """The median over the steps."""
    return statistics.median(json.loads(line)["seconds"] for line in (out / "timing.jsonl").read_text().splitlines())


def digests(out: Path) -> dict[str, str]:
    """SHA-256 of the log and the model."""
    files = {"log": out / "log.jsonl", "model": out / "model" / "model.safetensors"}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def snapshots(out: Path) -> set[str]:
    """Their names."""
    return {path.name for path in out.glob("snapshots/step-*")}


def workers(job: subprocess.Popen[str]) -> list[psutil.Process]:
    """The ranks' processes, in the order they were started; none while they are dead."""
    children = psutil.Process(job.pid).children()
    return sorted((c for c in children if c.status() != psutil.STATUS_ZOMBIE), key=lambda c: c.create_time())


def has_ended(process: psutil.Process) -> bool:
    """Whether it has, waited for by its parent or not yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stepped_since(out: Path, moment: float) -> bool:
    """Whether a line came to the log."""
    log = out / "log.jsonl"
    return log.exists() and log.stat().st_size > 0 and log.stat().st_mtime > moment


def wait_for(condition: Callable[[], bool], job: subprocess.Popen[str], seconds: float = 120.0) -> None:
    """Poll until it holds."""
    deadline = time.time() + seconds
    while not condition():
        if job.poll() is not None or time.time() > deadline:
            job.kill()
            raise SystemExit(f"the job ended, or hung: {job.communicate()[1]}")
        time.sleep(0.005)


if __name__ == "__main__":
    main()
