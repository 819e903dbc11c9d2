"""Every command below the memory it needs, by `ulimit -v` and in a control group, and just above: refused, or run.

A first run of each command, told that nothing is free, says what it asks for and what its process holds by then. Below
is four fifths of that, above a little more than all of it. The limit of the address space counts what is mapped, that
of a control group what is touched and not in a file.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from record import record

HOME = Path(__file__).parent.parent
SMOL, MINI = "smollm2-135m-instruct", "minilm-l6-v2"
TEXT = str(HOME / "CONTRIBUTING.md")
GPT = str(HOME / "recipes" / "gpt_small.py")
SHORT = ["--set", "train.steps=2", "schedule.warmup=1"]
COMMANDS: dict[str, list[str]] = {
    "info": [SMOL],
    "generate": [SMOL, "--prompt", "A matrix is", "--max-tokens", "20"],
    "chat": [SMOL, "--max-tokens", "8"],
    "perplexity": [SMOL, "--text", TEXT, "--window", "512"],
    "analyze": [MINI],
    "plan": [SMOL, "--tokens", "64", "--out", "OUT/plan.json"],
    "apply": ["GIVEN/plan.json", "--out", "OUT/smaller"],
    "measure": [SMOL, SMOL, "--text", TEXT, "--window", "128"],
    "export": [SMOL, "--to", "gguf", "--out", "OUT/model.gguf"],
    "train": [GPT, "--text", TEXT, "--out", "OUT/run", *SHORT],
    "race": [GPT, "--text", TEXT, "--out", "OUT/race", "--optimizers", "adamw,muon", *SHORT],
    "tokenizer train": ["--vocab-size", "500", "--text", "GIVEN/text.txt", "--out", "OUT/tokenizer"],
}
LONG = {"race": "not run: its runs would take an hour, and each is one of train, which is"}
HEAPS = 160 << 20  # by which the address space of one run differs from the next: two heaps of threads
RESERVE = (160 << 20) + 2 * (16 << 20)  # of the address space, as machine/memory.py keeps it for two threads
CHILD = """
import atexit, json, sys
import eigenlm.machine.memory as memory
def tell():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    held = {key: int(lines[key].split()[0]) << 10 for key in ("VmPeak", "VmSize", "VmHWM", "VmRSS", "RssAnon")}
    json.dump(held, open(told, "w"))
told, dry, *words = sys.argv[1:]
def nothing(device=None):
    tell()
    return 0
if dry == "dry":
    memory.free_memory, memory.decimal = nothing, str
else:
    atexit.register(tell)
from eigenlm.cli.program import main
sys.exit(main(words))
"""


def run(name: str, given: Path, *, dry: bool = False, before: Callable[[], None] | None = None) -> dict[str, Any]:
    """A command's exit code, what it said last, and the most its process held."""
    with tempfile.TemporaryDirectory() as place:
        told = Path(place) / "told.json"
        words = [word.replace("OUT", place).replace("GIVEN", str(given)) for word in COMMANDS[name]]
        argv = [sys.executable, "-c", CHILD, str(told), "dry" if dry else "real", *name.split(), *words]
        environment = os.environ | {"OMP_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            argv, input="Hi", capture_output=True, text=True, env=environment, preexec_fn=before, check=False
        )
        held = json.loads(told.read_text()) if told.exists() else {}
    lines = [line for line in done.stderr.splitlines() if line.startswith("eigenlm: ")]
    traceback = "Traceback" in done.stderr
    return {
        "code": done.returncode,
        "said": lines[-1].replace(f"{HOME}/", "") if lines else "",
        "traceback": traceback,
        **held,
    }


def limited(num_bytes: int) -> Callable[[], None]:
    """To be called in a process before it begins: it may map so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (num_bytes, num_bytes))


@contextmanager
def control_group(num_bytes: int) -> Iterator[Callable[[], None] | None]:
    """What puts a process into a group that may touch so many bytes; None where groups cannot be made."""
    old = Path("/sys/fs/cgroup/memory")
    group = (old if old.exists() else Path("/sys/fs/cgroup")) / f"eigenlm-{os.getpid()}-{threading.get_ident()}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if old.exists() else "memory.max")).write_text(str(num_bytes))
    except OSError:
        yield None
        return
    try:
        yield lambda: (group / "cgroup.procs").write_text(str(os.getpid())) and None
    finally:
        group.rmdir()


def judged(result: dict[str, Any], limit: int, peak: str) -> dict[str, Any]:
    """Whether a command was refused as it should be."""
    one_line = result["said"].count("; ") >= 1 and not result["traceback"]
    refused = result["code"] == 2 and one_line and "expected" in result["said"]
    return {"limit": limit, "refused": refused and result.get(peak, limit) <= limit, **result}


def tried(name: str, given: Path) -> dict[str, Any]:
    """One command: what it asks for, below that and above."""
    asked = run(name, given, dry=True)
    found = re.search(r"expected (\d+) of memory", asked["said"])
    if found is None:
        return {"asked": asked, "passed": False}
    needed = int(found[1])
    below, above = int(0.8 * needed), int(1.02 * needed) + HEAPS
    mapped, touched = asked["VmSize"] + RESERVE, asked["RssAnon"]
    figures: dict[str, Any] = {
        "needed": needed,
        "ulimit": judged(run(name, given, before=limited(mapped + below)), mapped + below, "VmPeak"),
    }
    with control_group(touched + below) as enter:
        figures["control_group"] = (
            "none can be made" if enter is None else judged(run(name, given, before=enter), touched + below, "RssAnon")
        )
    if name in LONG:
        figures["above"] = {"runs": LONG[name]}
    else:
        result = run(name, given, before=limited(mapped + above))
        runs = result["code"] == 0
        estimate = (asked["VmRSS"] + needed) / result["VmHWM"] if runs else None
        figures["above"] = {"limit": mapped + above, "runs": runs, "estimate_over_peak": estimate, **result}
    kinds = [figures[kind] for kind in ("ulimit", "control_group") if isinstance(figures[kind], dict)]
    figures["passed"] = all(kind["refused"] for kind in kinds) and bool(figures["above"]["runs"])
    return figures


def main() -> None:
    """Try the commands that are named, or all and record them; two at a time."""
    names = sys.argv[1:] or list(COMMANDS)
    figures = {}
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        given = Path(place)
        (given / "text.txt").write_text((HOME / "README.md").read_text() * 1000)
        if "apply" in names:
            made = [sys.executable, "-m", "eigenlm", "plan", SMOL, "--tokens", "64", "--out", str(given / "plan.json")]
            subprocess.run(made, check=True, capture_output=True)
        for name, found in zip(names, pool.map(lambda name: tried(name, given), names)):
            figures[name] = found
            ratio = found.get("above", {}).get("estimate_over_peak")
            print(
                name, f"passed, {ratio:.2f}" if found["passed"] and ratio else json.dumps(found, indent=1), flush=True
            )
    if names == list(COMMANDS):
        passed = sum(each["passed"] for each in figures.values())
        record("memory_limits", {"passed": passed, "of": len(figures), "commands": figures})


if __name__ == "__main__":
    main()
