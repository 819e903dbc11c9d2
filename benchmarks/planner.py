"""How near the planner's forecasts come to what training then takes: peak memory and step time, and published runs.

Each configuration is forecast in this process, from its recipe and a second's measurement of the machine, then trained
in a new process by `eigenlm.train`'s own step. Peak memory is the highest resident size of that process since it began
(VmHWM): interpreter, torch, model, optimizer, activations and what malloc holds unused. Step time is the median of the
steps after the second. On a quiet machine: `python benchmarks/planner.py`. On one that others use, `--shared` takes one
thread and counts the processor's seconds instead of the clock's, in the planner's measurement and in the steps alike.

The published runs are those of tests/planner/test_published.py, which says what was fitted.
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from record import record, spread

from eigenlm.config import from_dict, to_dict
from eigenlm.model import DenseFeedForward, NormConfig, RotaryConfig, SoftmaxConfig, TransformerConfig
from eigenlm.planner import forecast, measure_machine
from eigenlm.training.recipe import OptimizerRecipe, Recipe, TrainRecipe

ROOT = Path(__file__).parent.parent
# depth, width, tokens, batch, micro-batch, vocabulary, optimizer, precision, family
CONFIGS = [
    (4, 384, 256, 8, 8, 8192, "adamw", "bfloat16", "gpt"),
    (4, 384, 256, 8, 8, 8192, "adamw", "float32", "gpt"),
    (2, 128, 64, 4, 4, 256, "adamw", "float32", "gpt"),
    (2, 128, 128, 16, 16, 1024, "adamw", "bfloat16", "llama"),
    (3, 192, 512, 4, 4, 4096, "sgd", "bfloat16", "gpt"),
    (6, 256, 128, 8, 8, 16384, "adamw", "bfloat16", "llama"),
    (8, 512, 256, 4, 4, 8192, "muon", "bfloat16", "gpt"),
    (4, 512, 512, 8, 8, 1024, "adamw", "bfloat16", "gpt"),
    (6, 384, 256, 16, 4, 8192, "adamw", "bfloat16", "gpt"),
    (4, 256, 256, 8, 4, 32768, "adamw", "bfloat16", "gpt"),
    (8, 768, 128, 2, 2, 32768, "adamw", "bfloat16", "gpt"),
    (6, 512, 256, 4, 4, 8192, "sgd", "float32", "llama"),
    (8, 320, 128, 8, 8, 2048, "muon", "bfloat16", "llama"),
    (5, 640, 256, 8, 4, 16384, "adamw", "bfloat16", "llama"),
    (4, 256, 512, 16, 16, 512, "adamw", "bfloat16", "gpt"),
    (6, 256, 64, 16, 8, 4096, "muon", "float32", "gpt"),
]
# The slack of malloc's heap (`memory._HEAP_SLACK`) was fitted on the peaks of these; the others test it. What a step
# keeps of the rates (`step_time._KEPT`) was fitted on the times of these eleven.
FITTED = (0, 1, 2, 3, 4, 5, 6, 10, 12)
TIMES_FITTED = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11)


def recipe_of(
    depth: int, width: int, tokens: int, batch: int, micro: int, vocabulary: int, optimizer: str, rest: tuple[str, str]
) -> Recipe:
    """A recipe of one line of the table."""
    precision, family = rest
    llama, heads = family == "llama", width // 64
    attention = SoftmaxConfig(num_heads=heads, num_kv_heads=heads, head_dim=64, bias=not llama, output_bias=not llama)
    inner = DenseFeedForward(
        d_ff=width * 8 // 3 if llama else 4 * width,
        activation="silu" if llama else "gelu_tanh",
        gated=llama,
        bias=not llama,
    )
    model = TransformerConfig.uniform(
        vocab_size=vocabulary,
        context_length=tokens,
        d_model=width,
        num_layers=depth,
        attention=attention,
        feed_forward=inner,
        norm=NormConfig(kind="rms" if llama else "layer"),
        rotary=RotaryConfig() if llama else None,
    )
    return Recipe(
        name="planner",
        model=model,
        optimizer=OptimizerRecipe(kind=optimizer),
        train=TrainRecipe(batch_size=batch, micro_batch_size=micro, precision=precision),
    )


def published() -> list[dict[str, object]]:
    """Runs that others published, foretold."""
    sys.path.insert(0, str(ROOT))
    from tests.planner.test_published import ROWS, foretold

    rows: list[dict[str, object]] = []
    for name, (machine, execution, rate, gib, fitted) in ROWS.items():
        told = foretold(machine, execution)
        speed, memory = told.tokens_a_second / machine.devices, (told.memory.total - told.memory["base"]) / 2**30
        rows.append(
            {
                "run": f"Llama 3.1 8B, {name}",
                "tokens_a_second_and_device": {"forecast": speed, "published": rate, "error": speed / rate - 1},
                "speed_was_fitted_on_it": fitted,
                "gib": {"forecast": memory, "published": gib, "error": memory / gib - 1},
            }
        )
    return rows


def train(recipe: Recipe, seconds: float) -> dict[str, object]:
    """Take at least five steps, on random tokens; what they took."""
    from eigenlm.machine.heap import keep_freed_memory
    from eigenlm.machine.processes import Ranks
    from eigenlm.text.token_stream import TokenFile, TokenStream
    from eigenlm.training.training import Training

    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokens"
        ids = np.random.default_rng(0).integers(0, recipe.model.vocab_size, 200_000)
        ids.astype("<u2").tofile(path)
        stream = TokenStream([TokenFile(path, len(ids))], "uint16", np.array([0, len(ids)]), len(ids))
        shards = SimpleNamespace(train=stream, validation=stream)
        training = Training(recipe, SimpleNamespace(vocab_size=recipe.model.vocab_size), shards, Ranks())
        times: list[float] = []
        end = time.perf_counter() + seconds
        while len(times) < 5 or time.perf_counter() < end:
            start = time.perf_counter()
            training.step()
            times.append(time.perf_counter() - start)
    return {"peak": peak_bytes(), "seconds": times[2:]}


def peak_bytes() -> int:
    """The highest resident size of this process so far."""
    status = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in status if line.startswith("VmHWM")))


def set_clock(shared: bool) -> None:
    """Two threads and the clock on the wall, or one and the processor's own."""
    torch.set_num_threads(1 if shared else 2)
    if shared:
        time.perf_counter = time.process_time


def compare(i: int, shared: bool, base: float) -> dict[str, object]:
    """One configuration: forecast, then measured in a new process; `base` is what a process holds without a model."""
    row = CONFIGS[i]
    recipe = recipe_of(*row[:7], rest=row[7:])
    # This process holds what earlier forecasts left behind, a new one does not.
    machine = dataclasses.replace(measure_machine(), base=base)
    told = forecast(recipe, machine)
    command = [sys.executable, __file__, "--one", json.dumps(to_dict(recipe)), *(["--shared"] if shared else [])]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    seconds = spread(done["seconds"])
    names = ("depth", "width", "tokens", "batch", "micro_batch", "vocabulary", "optimizer", "precision", "family")
    return {
        **dict(zip(names, row)),
        "parameters": told.parameters.total,
        "slack_was_fitted_on_it": i in FITTED,
        "time_was_fitted_on_it": i in TIMES_FITTED,
        "memory_mb": {"forecast": told.memory.total / 1e6, "measured": done["peak"] / 1e6},
        "memory_parts_mb": {name: round(amount / 1e6, 1) for name, amount in told.memory.items()},
        "memory_error": told.memory.total / done["peak"] - 1,
        "seconds": {"forecast": told.time.total, "measured": seconds},
        "seconds_parts": told.time,
        "time_error": told.time.total / seconds["median"] - 1,
        "rates": dataclasses.asdict(machine.rates(recipe.train.precision)),
    }


def summary(rows: list[dict], key: str) -> dict[str, float]:
    """Median and largest of the errors' sizes."""
    sizes = [abs(row[key]) for row in rows]
    return {"median": statistics.median(sizes), "largest": max(sizes)}


def main() -> None:
    """Compare all configurations and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", help="train one recipe (JSON) and print what it took; used by this script itself")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the configurations to print, recording nothing")
    parser.add_argument("--shared", action="store_true", help="one thread, the processor's seconds")
    arguments = parser.parse_args()
    set_clock(arguments.shared)
    if arguments.one:
        print(json.dumps(train(from_dict(Recipe, json.loads(arguments.one)), seconds=3.0)))
        return
    rows = []
    base = measure_machine().base
    for i in arguments.only or range(len(CONFIGS)):
        rows.append(compare(i, arguments.shared, base))
        errors = f"memory {rows[-1]['memory_error']:+.1%}, time {rows[-1]['time_error']:+.1%}"
        print(f"{CONFIGS[i]}: {errors}", file=sys.stderr, flush=True)
    if arguments.only:
        print(json.dumps(rows))
        return
    figures = {
        "clock": "processor, one thread" if arguments.shared else "wall, two threads",
        "memory_error": summary(rows, "memory_error"),
        "memory_error_where_nothing_was_fitted": summary(
            [row for row in rows if not row["slack_was_fitted_on_it"]], "memory_error"
        ),
        "time_error": summary(rows, "time_error"),
        "time_error_where_nothing_was_fitted": summary(
            [row for row in rows if not row["time_was_fitted_on_it"]], "time_error"
        ),
        "configurations": rows,
        "published": published(),
    }
    record("planner", figures)


if __name__ == "__main__":
    main()
