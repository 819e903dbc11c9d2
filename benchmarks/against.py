"""This checkout beside another, such as that of the commit before a change: speed and memory on SmolLM2, in turn.

git worktree add ../before COMMIT
python benchmarks/against.py --before ../before [--rounds 5]

With two threads, and by what both have: the command line and the README's Python. Decoding, prefill, training, spectra
and activations run in a process of its own each time; decoding and prefill are timed after a first answer. Loading,
tokens and exports, which are short, run again and again in two processes that stay.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from by_turns import PEAK, by_turns, environment
from record import record, spread

HERE = Path(__file__).resolve().parents[1]
SKIPPED = 6  # steps of training that warm a process up
DECODE = (
    PEAK
    + """
import json, time, torch, eigenlm
torch.set_num_threads(2)
lm = eigenlm.load("smollm2-135m-instruct", dtype=DTYPE)
lm.generate("The history of linear algebra begins with", max_tokens=8)
start = time.perf_counter()
text = lm.generate("The history of linear algebra begins with", max_tokens=96)
print(json.dumps({"rate": 96 / (time.perf_counter() - start), "peak": peak(), "text": text}))
"""
)
PREFILL = (
    PEAK
    + """
import json, time, torch, eigenlm
torch.set_num_threads(2)
lm = eigenlm.load("smollm2-135m-instruct", dtype=DTYPE)
prompt = "the matrix " * 512
lm.generate(prompt, max_tokens=1)
tokens = len(lm.tokenizer.encode(prompt))
start = time.perf_counter()
lm.generate(prompt, max_tokens=1)
print(json.dumps({"rate": tokens / (time.perf_counter() - start), "peak": peak()}))
"""
)
ANALYZE = (
    PEAK
    + """
import json, time, torch, eigenlm
torch.set_num_threads(2)
lm = eigenlm.load("smollm2-135m-instruct") if TEXT else None
start = time.perf_counter()
eigenlm.analyze(lm, text=TEXT) if TEXT else eigenlm.analyze("smollm2-135m-instruct")
print(json.dumps({"rate": 1 / (time.perf_counter() - start), "peak": peak()}))
"""
)

LOAD = """
import eigenlm
act = lambda: eigenlm.load(MODEL)
"""
TOKENS = """
import eigenlm
tokenizer = eigenlm.load("smollm2-135m-instruct").tokenizer
text = open(TEXT, encoding="utf-8").read()[:1_000_000]
ids = tokenizer.encode(text)
act = lambda: tokenizer.encode(text) if ENCODES else tokenizer.decode(ids)
"""
EXPORT = """
import tempfile
from eigenlm.cli import main
def act():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        words = ["smollm2-135m-instruct", "--to", FORMAT, "--storage", STORAGE, "--out", folder + "/m." + FORMAT]
        assert main(["export", *words]) == 0
"""


def run(checkout: Path, *words: str) -> str:
    """What Python prints in a checkout; its end must be good."""
    done = subprocess.run([sys.executable, *words], env=environment(checkout), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def filled(source: str, **names: str | bool | None) -> str:
    """A program with names replaced by values."""
    for name, value in names.items():
        source = source.replace(name, repr(value))
    return source


def program(source: str, **names: str | None):
    """A measure: what a program prints as its last line."""
    return lambda checkout: json.loads(run(checkout, "-c", filled(source, **names)).splitlines()[-1])


def training(text: str, steps: int):
    """A measure: steps a second of `eigenlm train` on a small GPT."""

    def measure(checkout: Path) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            recipe = [
                str(checkout / "recipes" / "gpt_small.py"),
                "--depth",
                "6",
                "--text",
                text,
                "--out",
                f"{folder}/run",
            ]
            sets = [f"train.steps={steps}", "train.sample_every=0", "train.eval_every=100000", "schedule.warmup=5"]
            run(checkout, "-m", "eigenlm", "train", *recipe, "--set", *sets)
            lines = (Path(folder) / "run" / "timing.jsonl").read_text().splitlines()
        return {"rate": 1 / statistics.median(json.loads(line)["seconds"] for line in lines[SKIPPED:])}

    return measure


def whole(source: str):
    """A measure: processes a second that start Python, do that, and end."""

    def measure(checkout: Path) -> dict[str, float]:
        start = time.perf_counter()
        run(checkout, "-c", source)
        return {"rate": 1 / (time.perf_counter() - start)}

    return measure


def compare(measure, before: Path, rounds: int) -> dict[str, object]:
    """Both checkouts by turns, after a run that writes byte code; a ratio above 1 says that this one is faster."""
    found = {"before": [], "now": []}
    measure(before), measure(HERE)
    for _ in range(rounds):
        found["before"].append(measure(before))
        found["now"].append(measure(HERE))
    rates = {name: [one["rate"] for one in all_] for name, all_ in found.items()}
    told: dict[str, object] = {name: spread(values) for name, values in rates.items()}
    told["ratio"] = spread([now / then for then, now in zip(rates["before"], rates["now"])])
    if "peak" in found["now"][0]:
        told["peak_mib"] = {name: max(one["peak"] for one in all_) for name, all_ in found.items()}
    if "text" in found["now"][0]:
        told["same_text"] = len({one["text"] for all_ in found.values() for one in all_}) == 1
    return told


def main() -> None:
    """Measure what both checkouts can do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, required=True, help="another checkout")
    parser.add_argument("--text", required=True, help="a text file to train on and to analyze with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=25, help="of acts in processes that stay; a third of exports")
    parser.add_argument("--only", nargs="+", default=("",), help="measures whose names begin so")
    arguments = parser.parse_args()
    measures = {
        "decode, tokens/s, float32": program(DECODE, DTYPE="float32"),
        "decode, tokens/s, bfloat16": program(DECODE, DTYPE="bfloat16"),
        "prefill, tokens/s, float32": program(PREFILL, DTYPE="float32"),
        "prefill, tokens/s, bfloat16": program(PREFILL, DTYPE="bfloat16"),
        "training, steps/s": training(arguments.text, 30),
        "table of all matrices, runs/s": program(ANALYZE, TEXT=None),
        "activations on a text, runs/s": program(ANALYZE, TEXT=arguments.text),
        "load MiniLM, processes/s": whole(filled(LOAD, MODEL="minilm-l6-v2") + "act()"),
    }
    many, few = arguments.pairs, max(1, arguments.pairs // 3)
    acts = {
        "load SmolLM2, runs/s": (filled(LOAD, MODEL="smollm2-135m-instruct"), many),
        "load MiniLM, runs/s": (filled(LOAD, MODEL="minilm-l6-v2"), many),
        "encode 1 MB, runs/s": (filled(TOKENS, TEXT=arguments.text, ENCODES=True), many),
        "decode 1 MB, runs/s": (filled(TOKENS, TEXT=arguments.text, ENCODES=False), many),
        "export to GGUF, runs/s": (filled(EXPORT, FORMAT="gguf", STORAGE="Q8_0"), few),
        "export to a folder, runs/s": (filled(EXPORT, FORMAT="hf", STORAGE="F16"), few),
    }
    before, only = arguments.before.resolve(), tuple(arguments.only)
    figures: dict[str, object] = {"what": "this checkout beside one before it, by turns"}
    for name, measure in measures.items():
        if name.startswith(only):
            figures[name] = compare(measure, before, arguments.rounds)
            record("against", figures)
    for name, (act, pairs) in acts.items():
        if name.startswith(only):
            figures[name] = by_turns(act, before, HERE, pairs)
            record("against", figures)


if __name__ == "__main__":
    main()
