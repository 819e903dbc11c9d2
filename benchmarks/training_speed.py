"""Tokens per second of training a 10M-parameter GPT, beside HF Trainer and nanoGPT: same shape, same tokens, in turn.

python benchmarks/training_speed.py --text wikitext2.valid.txt [--nanogpt FOLDER] [--rounds 5] [--steps 24]

Every figure is of a process of its own that trains from its own command or API as a user would; the first steps of each
are not counted. Four layers of width 384, 6 heads, T 256, batch 8, vocabulary 8,192, exact GELU, two threads.
"""

import argparse
import json
import os
import pickle
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from record import record, spread

from eigenlm.machine.speed import gemm_rate
from eigenlm.text.shards import open_shards

ROOT = Path(__file__).parent.parent
SKIPPED = 6  # steps of a process that warm it up
TOKENS = 8 * 256
SHAPE = [
    "model.num_layers=4",
    "tokenizer.vocab_size=8192",
    "train.batch_size=8",
    "train.eval_every=100000",
    "train.eval_tokens=2048",
    "train.save_every=100000",
    "train.sample_every=0",
    "schedule.warmup=5",
]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1"}


def ours(text: Path, folder: Path, steps: int, *more: str) -> list[float]:
    """Seconds a step of `eigenlm train`, telemetry and logs at their defaults."""
    recipe = [str(ROOT / "recipes" / "gpt_small.py"), "--depth", "6", "--text", str(text), "--out", str(folder)]
    run("-m", "eigenlm", "train", *recipe, "--set", *SHAPE, f"train.steps={steps}", *more)
    return [json.loads(line)["seconds"] for line in (folder / "timing.jsonl").read_text().splitlines()]


def trainer(tokens: Path, steps: int, *, tuned: bool) -> list[float]:
    """Seconds a step of Hugging Face's Trainer, at its defaults or with bfloat16, fused AdamW and no dropout."""
    printed = run(__file__, "--trainer", "tuned" if tuned else "default", str(tokens), str(steps))
    return json.loads(printed.splitlines()[-1])


def nanogpt(source: Path, data: str, steps: int, *, compiled: bool) -> list[float]:
    """Seconds a step of nanoGPT's train.py, unmodified; its log has milliseconds an iteration."""
    options = {
        "device": "cpu", "compile": compiled, "dataset": data, "eval_iters": 1, "eval_interval": 100000,
        "block_size": 256, "batch_size": 8, "gradient_accumulation_steps": 1, "n_layer": 4, "n_head": 6, "n_embd": 384,
        "bias": True, "dropout": 0.0, "max_iters": steps, "warmup_iters": 2, "dtype": "float32",
    }  # fmt: skip
    words = [f"--{name}={value}" for name, value in options.items()]
    printed = run(str(source / "train.py"), *words, cwd=source)
    return [float(ms) / 1e3 for ms in re.findall(r"time ([\d.]+)ms", printed)]


def run(*words: str, cwd: Path | None = None) -> str:
    """What a Python process prints; its end must be good."""
    done = subprocess.run([sys.executable, *words], env=ENVIRONMENT, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def train_with_trainer(kind: str, tokens: Path, steps: int) -> None:
    """The child process of `trainer`: print seconds a step as JSON."""
    import time

    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

    torch.set_num_threads(2)
    ids = torch.from_numpy(np.fromfile(tokens, dtype=np.uint16).astype(np.int64))
    rows = [{"input_ids": row, "labels": row} for row in ids[: len(ids) // 256 * 256].view(-1, 256)]
    drops = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0} if kind == "tuned" else {}
    config = GPT2Config(
        vocab_size=8192, n_positions=256, n_embd=384, n_layer=4, n_head=6, activation_function="gelu", **drops
    )
    fast = {"bf16": True, "optim": "adamw_torch_fused"} if kind == "tuned" else {}
    seconds: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_, **__):
            self.start = time.perf_counter()

        def on_step_end(self, *_, **__):
            seconds.append(time.perf_counter() - self.start)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, per_device_train_batch_size=8, max_steps=steps, report_to="none", use_cpu=True,
            save_strategy="no", disable_tqdm=True, logging_strategy="no", **fast,
        )  # fmt: skip
        Trainer(GPT2LMHeadModel(config), arguments, train_dataset=rows, callbacks=[Clock()]).train()
    print(json.dumps(seconds))


def rate(seconds: list[float]) -> float:
    """Median tokens per second, the first steps left out."""
    return TOKENS / statistics.median(seconds[SKIPPED:])


def for_nanogpt(source: Path, tokens: Path) -> str:
    """Lay out tokens as nanoGPT reads them; the name of the data set."""
    folder = source / "data" / "eigenlm"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train.bin", "val.bin"):
        (folder / name).write_bytes(tokens.read_bytes())
    with (folder / "meta.pkl").open("wb") as file:
        pickle.dump({"vocab_size": 8192}, file)
    return "eigenlm"


def precision_gap(text: Path, folder: Path, steps: int) -> dict:
    """How far the loss curve in bfloat16 is from that in float32: same weights, same batches, step by step."""
    losses = {}
    for precision in ("float32", "bfloat16"):
        place = folder / precision
        ours(text, place, steps, f"train.precision={precision}", "schedule.warmup=50")
        lines = map(json.loads, (place / "log.jsonl").read_text().splitlines())
        losses[precision] = [line["loss"] for line in lines if "loss" in line]
    gaps = [abs(a - b) for a, b in zip(losses["bfloat16"], losses["float32"])]
    smooth = [statistics.mean(losses["bfloat16"][i : i + 50]) - statistics.mean(losses["float32"][i : i + 50])
              for i in range(0, steps - 49, 50)]  # fmt: skip
    last = {precision: statistics.mean(values[-50:]) for precision, values in losses.items()}
    return {
        "steps": steps,
        "largest_difference_of_a_step": max(gaps),
        "mean_difference_of_a_step": statistics.mean(gaps),
        "largest_difference_of_a_mean_over_50_steps": max(map(abs, smooth)),
        "mean_of_the_last_50": last,
        "must": "within 1e-2; aim 5e-3",
    }


def main() -> None:
    """All in turn, round by round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--nanogpt", type=Path, help="a copy of nanoGPT's repository")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--gap-steps", type=int, default=500)
    parser.add_argument("--trainer", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.trainer:
        kind, tokens, steps = arguments.trainer
        train_with_trainer(kind, Path(tokens), int(steps))
        return
    steps = arguments.steps
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = arguments.text.resolve()
        ours(text, folder / "first", 8)
        tokens = folder / "tokens.bin"
        shards = open_shards(folder / "first" / "shards")
        tokens.write_bytes(shards.train.read(0, shards.train.num_tokens).numpy().astype(np.uint16).tobytes())
        runs = {
            "eigenlm": lambda i: ours(text, folder / f"ours-{i}", steps),
            "trainer_default": lambda _: trainer(tokens, steps, tuned=False),
            "trainer_tuned": lambda _: trainer(tokens, steps, tuned=True),
        }
        if arguments.nanogpt:
            source = arguments.nanogpt.resolve()
            data = for_nanogpt(source, tokens)
            runs["nanogpt"] = lambda _: nanogpt(source, data, steps, compiled=False)
            runs["nanogpt_compiled"] = lambda _: nanogpt(source, data, steps, compiled=True)
        rates: dict[str, list[float]] = {name: [] for name in runs}
        gemm: list[float] = []
        for i in range(arguments.rounds):
            gemm.append(gemm_rate(__import__("torch").bfloat16))
            for name, once in runs.items():
                rates[name].append(rate(once(i)))
                print(i, name, round(rates[name][-1]), flush=True)
        gap = precision_gap(text, folder, arguments.gap_steps) if arguments.gap_steps else None
    peers = [name for name in runs if name != "eigenlm"]
    record(
        "training_speed",
        {
            "what": "tokens/s of training, medians of processes; 10M parameters, T 256, batch 8, V 8,192, 2 threads",
            "must": {"trainer_default": 3.4, "trainer_tuned": 1.6, "nanogpt": 2.4},
            "tokens_per_second": {name: spread(values) for name, values in rates.items()},
            "ratio": {name: spread([a / b for a, b in zip(rates["eigenlm"], rates[name])]) for name in peers},
            "bf16_gemm_gflops": spread(gemm),
            "loss_curve_bfloat16_against_float32": gap,
        },
    )


if __name__ == "__main__":
    main()
