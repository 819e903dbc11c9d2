"""Runs of a second: two layers of width 32, on a text of some thousand tokens."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from eigenlm.model import DenseFeedForward, SoftmaxConfig, TransformerConfig
from eigenlm.training import (
    DataRecipe,
    OptimizerRecipe,
    Recipe,
    ScheduleRecipe,
    TelemetryRecipe,
    TokenizerRecipe,
    TrainRecipe,
    with_changes,
)
from eigenlm.training.snapshots import snapshots

WORDS = ["the", "matrix", "of", "a", "language", "model", "maps", "each", "token", "to", "vector", "and", "next"]


def write_documents(folder: Path) -> Path:
    """Sentences of few words in ever other orders, one JSON line each."""
    path = folder / "documents.jsonl"
    texts = [" ".join(WORDS[(i * (j + 1) + j * j) % len(WORDS)] for j in range(12 + i % 9)) for i in range(150)]
    path.write_text("".join(json.dumps({"text": text + "."}) + "\n" for text in texts))
    return path


def tiny_recipe(text: Path, *changes: str) -> Recipe:
    """Twelve steps of three micro-batches with dropout; `changes` as on the command line."""
    model = TransformerConfig.uniform(
        vocab_size=300,
        context_length=16,
        d_model=32,
        num_layers=2,
        attention=SoftmaxConfig(num_heads=2, num_kv_heads=2, head_dim=16),
        feed_forward=DenseFeedForward(d_ff=64, activation="gelu"),
        dropout=0.1,
    )
    train = TrainRecipe(
        steps=12,
        batch_size=6,
        micro_batch_size=2,
        precision="float32",
        eval_every=4,
        eval_tokens=256,
        save_every=3,
        sample_every=6,
    )
    recipe = Recipe(
        name="tiny",
        model=model,
        tokenizer=TokenizerRecipe(vocab_size=300),
        data=DataRecipe(text=str(text)),
        optimizer=OptimizerRecipe(learning_rate=3e-3),
        schedule=ScheduleRecipe(warmup=2),
        telemetry=TelemetryRecipe(every=2, spectrum_every=3),
        train=train,
    )
    return with_changes(recipe, changes)


def stop_after(count: int) -> Callable[[], bool]:
    """Says stop when asked for the `count`-th time."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= count

    return stop


def log_of(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's log."""
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def names_of(folder: Path) -> list[str]:
    """Of a run's snapshots, the oldest first."""
    return [path.name for path in snapshots(folder / "snapshots")]


def bits_of(folder: Path) -> dict[str, str]:
    """SHA-256 of all that a finished run came to: model, log, and the tensors and numbers of its last snapshot."""
    last = snapshots(folder / "snapshots")[-1]
    tensors = {name: x for file in last.glob("*.safetensors") for name, x in load_file(file).items()}
    state = json.loads((last / "state.json").read_text())
    return {
        "model": _sha256((folder / "model" / "model.safetensors").read_bytes()),
        "log": _sha256((folder / "log.jsonl").read_bytes()),
        "numbers": _sha256(json.dumps(state, sort_keys=True).encode()),
        **{name: _sha256(x.numpy().tobytes()) for name, x in tensors.items()},
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
