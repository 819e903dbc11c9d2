"""Speed alone and beside a busy process, as eigenlm lets threads wait, and with threads that always spin, by turns.

python benchmarks/beside.py [--rounds 3] [--only train decode]

Every figure is of a process of its own with as many threads as there are cores; what it is beside is a loop that never
waits. Spinning is what torch does by itself.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from against import DECODE, HERE
from record import RESULTS, record, spread

SMOL, MINI = "smollm2-135m-instruct", "minilm-l6-v2"
TEXT = str(HERE / "CONTRIBUTING.md")
MUST = "beside over alone >= 0.55, alone over alone spinning >= 1"
SHORT = ("train", "decode", "analyze")
SPINNING = {"GOMP_SPINCOUNT": "300000"}  # libgomp's own count where nothing is said
TRAIN = ["train", str(HERE / "recipes" / "gpt_small.py"), "--text", TEXT, "--out", "OUT/run", "--set"]
TRAIN += ["train.steps=30", "train.sample_every=0", "train.eval_every=100000", "schedule.warmup=5"]


def main() -> None:
    """Measure each act alone and beside."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", help="names of acts")
    arguments = parser.parse_args()
    acts: dict[str, Callable[[dict[str, str]], float]] = {
        "train": trained,
        "decode": decoded,
        "analyze": lambda said: 1 / seconds(["analyze", MINI], said),
        "plan": lambda said: 1 / seconds(["plan", SMOL, "--tokens", "512", "--out", "OUT/plan.json"], said),
        "tour": lambda said: 1 / seconds(["tour", "--out", "OUT/tour"], said),
    }
    for name, act in acts.items():
        if not arguments.only or name in arguments.only:
            figures = {"date": datetime.now(UTC).date().isoformat(), **compared(act, arguments.rounds, name in SHORT)}
            print(name, json.dumps(figures), flush=True)
            record("beside", {"must": MUST, **earlier(), name: figures})


def earlier() -> dict[str, Any]:
    """What was measured of other acts, which is kept."""
    path = RESULTS / "beside.json"
    return json.loads(path.read_text())["figures"] if path.exists() else {}


def compared(act: Callable[[dict[str, str]], float], rounds: int, spin: bool) -> dict[str, Any]:
    """Rates alone and beside, ours and, if the act is short, spinning, and what they are of each other."""
    rates: dict[str, list[float]] = {}
    ways = {"ours": {}} | ({"spinning": SPINNING} if spin else {})
    for _ in range(rounds):
        for waiting, said in ways.items():
            rates.setdefault(f"{waiting}, alone", []).append(act(said))
            with busy():
                rates.setdefault(f"{waiting}, beside", []).append(act(said))
    told: dict[str, Any] = {name: spread(values) for name, values in rates.items()}
    for name, above, below in (
        ("beside over alone", "ours, beside", "ours, alone"),
        ("spinning, beside over alone", "spinning, beside", "spinning, alone"),
        ("alone, ours over spinning", "ours, alone", "spinning, alone"),
    ):
        if above in rates and below in rates:
            told[name] = spread([a / b for a, b in zip(rates[above], rates[below])])
    return told


@contextmanager
def busy() -> Iterator[None]:
    """A process that uses a core for as long as the block lasts."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def started(words: list[str], said: dict[str, str], place: str) -> None:
    """Run Python to a good end in an environment that says nothing else of threads."""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    environment = quiet | {"PYTHONPATH": str(HERE / "src"), "HF_HUB_OFFLINE": "1"} | said
    words = [word.replace("OUT", place) for word in words]
    subprocess.run([sys.executable, *words], env=environment, capture_output=True, cwd=place, check=True)


def seconds(words: list[str], said: dict[str, str]) -> float:
    """Of a command, from its start to its end."""
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        started(["-m", "eigenlm", *words], said, place)
        return time.perf_counter() - start


def trained(said: dict[str, str]) -> float:
    """Tokens a second of `eigenlm train`, the median of its steps."""
    with tempfile.TemporaryDirectory() as place:
        started(["-m", "eigenlm", *TRAIN], said, place)
        lines = [json.loads(line) for line in (Path(place) / "run" / "timing.jsonl").read_text().splitlines()]
    rates = sorted(line["tokens_per_second"] for line in lines[6:])
    return float(rates[len(rates) // 2])


def decoded(said: dict[str, str]) -> float:
    """Tokens a second of SmolLM2 in bfloat16."""
    source = DECODE.replace("DTYPE", repr("bfloat16")).replace("import json, time, torch, eigenlm", IMPORTS)
    with tempfile.TemporaryDirectory() as place:
        started(["-c", source.replace("print(", f"open('{place}/rate', 'w').write(")], said, place)
        return float(json.loads((Path(place) / "rate").read_text())["rate"])


IMPORTS = "import eigenlm, json, time, torch"  # eigenlm first, so that it says how threads wait

if __name__ == "__main__":
    main()
