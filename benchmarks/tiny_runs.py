"""Runs of a second or two, drawn from a seed over everything that a resume has to carry, and what they came to."""

import hashlib
import json
import random
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

import torch
from safetensors import safe_open

from eigenlm.checkpoint.tokenizer_folder import write_tokenizer
from eigenlm.files import whole_folder, write_text
from eigenlm.model import DenseFeedForward, RotaryConfig, SoftmaxConfig, TransformerConfig
from eigenlm.text.python_documentation import python_documentation
from eigenlm.text.tokenizer_training import train_tokenizer
from eigenlm.training.recipe import (
    DataRecipe,
    Objective,
    OptimizerRecipe,
    Recipe,
    ScheduleRecipe,
    TelemetryRecipe,
    TokenizerRecipe,
    TrainRecipe,
)

OPTIMIZERS = ("adamw", "muon", "soap", "shampoo", "sgd")
_RATES = {"sgd": 0.05, "muon": 0.02, "adamw": 3e-3, "soap": 3e-3, "shampoo": 3e-3}
_KINDS: dict[Objective, Literal["decoder", "encoder", "encoder_decoder"]] = {
    "next_token": "decoder",
    "masked": "encoder",
    "denoising": "encoder_decoder",
}
_DOCUMENTS = 70


def write_documents(path: Path) -> Path:
    """The beginnings of pages of Python's documentation, one JSON line each, and beside them a WordPiece tokenizer."""
    texts = [document.text[:600] for document in islice(python_documentation(), _DOCUMENTS)]
    write_text(path, "".join(json.dumps({"text": text}) + "\n" for text in texts))
    with whole_folder(path.with_name("wordpiece")) as place:
        write_tokenizer(place, train_tokenizer("wordpiece", texts, 300), None)
    return path


def tiny_recipe(seed: int, text: Path, *, steps: int, save_every: int) -> Recipe:
    """A run of two layers of width 32: optimizer and objective go round with the seed, the rest is drawn from it."""
    draw = random.Random(seed)
    kind = OPTIMIZERS[seed % len(OPTIMIZERS)]
    objective: Objective = get_args(Objective)[seed // len(OPTIMIZERS) % 3]
    model = TransformerConfig.uniform(
        kind=_KINDS[objective],
        vocab_size=300,
        context_length=16,
        d_model=32,
        num_layers=2,
        num_encoder_layers=2 if objective == "denoising" else 0,
        attention=SoftmaxConfig(num_heads=2, num_kv_heads=draw.choice([1, 2]), head_dim=16),
        feed_forward=DenseFeedForward(d_ff=48, activation="silu", gated=draw.choice([False, True])),
        rotary=draw.choice([None, RotaryConfig()]),
        dropout=0.1,
    )
    return Recipe(
        name=f"tiny-{seed}",
        model=model,
        # Learned beforehand: the library's WordPiece trainer numbers its tokens otherwise each time.
        tokenizer=TokenizerRecipe(
            vocab_size=300, path=str(text.with_name("wordpiece")) if objective == "masked" else None
        ),
        data=DataRecipe(text=str(text), objective=objective, documents=draw.choice(["joined", "separate"])),
        optimizer=OptimizerRecipe(kind=kind, learning_rate=_RATES[kind], clip=draw.choice([0.0, 1.0])),
        schedule=ScheduleRecipe(kind=draw.choice(["wsd", "cosine", "linear"]), warmup=4),
        telemetry=TelemetryRecipe(
            every=draw.choice([1, 2, 3]),
            spectrum_every=draw.choice([0, 2]),
            hessian_every=draw.choice([0, 5]) if objective == "next_token" else 0,
        ),
        train=TrainRecipe(
            steps=steps,
            batch_size=draw.choice([5, 6, 8]),
            micro_batch_size=draw.choice([2, 3]),
            seed=seed,
            precision=draw.choice(["float32", "bfloat16"]),
            label_smoothing=draw.choice([0.0, 0.1]),
            z_loss=draw.choice([0.0, 1e-4]),
            eval_every=draw.choice([4, 5]),
            eval_tokens=256,
            save_every=save_every,
            keep_last=draw.choice([1, 2]),
            sample_every=draw.choice([0, 6]),
        ),
    )


def write_recipe(place: Path, seed: int, text: Path, *, steps: int, save_every: int) -> Path:
    """A recipe's file for `eigenlm train`, which gives a `tiny_recipe`."""
    made = f"tiny_recipe({seed}, Path({str(text)!r}), steps={steps}, save_every={save_every})"
    head = "from pathlib import Path\n\nfrom tiny_runs import tiny_recipe\n\n\n"
    write_text(path := place / f"recipe-{seed}-{steps}.py", f"{head}def recipe(depth: int = 2):\n    return {made}\n")
    return path


def outcome_of(folder: Path) -> dict[str, str]:
    """SHA-256 of what a finished run came to: its model, its log, and weights, optimizer and the rest of its state."""
    last = sorted((folder / "snapshots").glob("step-*"))[-1]
    tensors = hashlib.sha256()
    named: list[tuple[str, torch.Tensor]] = []
    for file in sorted(last.glob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            named += [(name, opened.get_tensor(name)) for name in opened.keys()]  # noqa: SIM118
    for name, tensor in sorted(named, key=lambda pair: pair[0]):
        tensors.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        tensors.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return {
        "weights": _sha256(folder / "model" / "model.safetensors"),
        "log": _sha256(folder / "log.jsonl"),
        "weights and optimizer": tensors.hexdigest(),
        "numbers": _sha256(last / "state.json"),
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
