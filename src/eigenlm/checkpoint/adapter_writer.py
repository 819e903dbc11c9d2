"""Low-rank changes of a model as a LoRA adapter of PEFT."""

import json
import re
from pathlib import Path
from typing import Any

from eigenlm.checkpoint.adapter import CONFIG, PREFIX, WEIGHTS
from eigenlm.checkpoint.families import HUGGING_FACE
from eigenlm.checkpoint.low_rank_changes import LowRankChanges, low_rank_changes
from eigenlm.checkpoint.safetensors_writer import save_tensors
from eigenlm.files import whole_folder
from eigenlm.model import Transformer


def write_peft(
    path: str | Path, model: Transformer, *, base: str = "", family: str | None = None, storage: str = "F32"
) -> str:
    """Write a folder that PEFT loads beside the base model, whole or not at all.

    Args:
        path: a new or empty folder.
        model: with layers that are sums, of which the last part is of low rank.
        base: name or path of the model without these parts.
        family: which to prefer where several fit, such as the one that the model was read from.
        storage: of the factors, F32, F16 or BF16.

    Returns:
        The family whose names its layers have.

    Raises:
        ConfigError: no layer is such a sum, no family of Hugging Face's holds the model, or experts change.
        CheckpointError: numbers that the storage does not hold.
        DataError: `path` is in use or cannot be written.
    """
    found = low_rank_changes(model, HUGGING_FACE, family)
    changes = {name: change.stored(name, storage) for name, change in found.of.items()}
    tensors = {
        f"{PREFIX}{name}.lora_{part}.weight": getattr(change, part) for name, change in changes.items() for part in "AB"
    }
    predicts = model.config.kind == "decoder" and model.config.head is not None
    with whole_folder(path) as folder:
        save_tensors(tensors, folder / WEIGHTS)
        values = {**_settings(found), "base_model_name_or_path": base, "task_type": "CAUSAL_LM" if predicts else None}
        (folder / CONFIG).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return found.family


def _settings(found: LowRankChanges) -> dict[str, Any]:
    """Those with which PEFT adds B A as it is: alpha is the rank."""
    rank = found.usual_rank
    others = {re.escape(name): change.rank for name, change in found.of.items() if change.rank != rank}
    return {
        "peft_type": "LORA",
        "r": rank,
        "lora_alpha": rank,
        "rank_pattern": others,
        "alpha_pattern": others,
        "target_modules": _targets(found),
        "fan_in_fan_out": any(change.in_first for change in found.of.values()),
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
    }


def _targets(found: LowRankChanges) -> list[str]:
    """The last words of the layers' names where no other part has them, as people write them; else whole names."""
    words = {name.rpartition(".")[2] for name in found.of}
    return sorted(found.of) if words & {name.rpartition(".")[2] for name in found.others} else sorted(words)
