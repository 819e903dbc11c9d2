"""Activations of SmolLM2 and MiniLM: time, memory, known facts, what bfloat16 moves, and transformers' own numbers.

    python benchmarks/activations.py --text wikitext2.valid.txt

8 windows of 256 tokens. Each timed run is a process of its own. What rounding to bfloat16 moves stands beside what
other windows of the same text move. Attention and the residual stream are compared, in float32 and for the first
window, with those that transformers gives out (`output_attentions`, `output_hidden_states`).
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from peers import transformers_twin
from record import peak_mib, record, spread

import eigenlm
from eigenlm.analysis.activations import Activations, activations
from eigenlm.text.windows import token_windows

MODELS = ("smollm2-135m-instruct", "minilm-l6-v2")
WINDOWS, WINDOW, RUNS = 8, 256, 5
FIELDS = {
    "linear_inputs": ("mean_square", "stable_rank", "effective_rank", "top_pca_share", "output_rank_90"),
    "layers": ("mean_norm", "mean_cosine", "participation_ratio"),
    "heads": ("entropy", "first_token", "previous_token"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--timed", help="measure one model once, for a run of this program")
    parser.add_argument("--try-out", action="store_true", help="2 windows of 32 tokens, 1 run, nothing written")
    options = parser.parse_args()
    sizes = (2, 32, 1) if options.try_out else (WINDOWS, WINDOW, RUNS)
    if options.timed:
        print(json.dumps(timed(options.timed, options.text, *sizes[:2])))
        return
    figures = {model: measured(model, options.text, *sizes, try_out=options.try_out) for model in MODELS}
    print(json.dumps(figures, indent=1))
    if not options.try_out:
        record("activations", {"windows": WINDOWS, "tokens_in_a_window": WINDOW, "models": figures})


def timed(model: str, text: Path, count: int, window: int) -> dict[str, float]:
    """Seconds of one reading, and the peak memory of this process."""
    lm = eigenlm.load(model, device="cpu")
    windows = cut(lm, text, window)[:count]
    start = time.perf_counter()
    activations(lm.model, windows)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_mib": peak_mib()}


def cut(lm: eigenlm.LanguageModel, text: Path, window: int) -> torch.Tensor:
    """The text as rows of token ids."""
    return token_windows([text.read_text(encoding="utf-8")[:200_000]], lm.tokenizer, window)


def measured(model: str, text: Path, count: int, window: int, runs: int, *, try_out: bool) -> dict[str, Any]:
    """Everything about one model."""
    command = [sys.executable, __file__, "--text", str(text), "--timed", model] + ["--try-out"] * try_out
    times = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(runs)]
    lm = eigenlm.load(model, device="cpu")
    windows = cut(lm, text, window)
    found, other = (activations(lm.model, part) for part in (windows[:count], windows[count : 2 * count]))
    with exact():
        exactly = activations(lm.model, windows[:count])
    return {
        "seconds": spread([run["seconds"] for run in times]),
        "peak_mib": spread([run["peak_mib"] for run in times]),
        "facts": facts(found),
        "bfloat16_against_float32": differences(found, exactly),
        "other_windows": differences(found, other),
        "against_transformers": against_transformers(lm, windows[:1]),
    }


def exact() -> contextlib.ExitStack:
    """Models run in float32 while this is open."""
    stack = contextlib.ExitStack()
    for room in ("observe.watching", "analysis.activations.logit_lens"):
        stack.enter_context(patch(f"eigenlm.{room}.quick_products", lambda _: contextlib.nullcontext()))
    return stack


def facts(found: Activations) -> dict[str, Any]:
    """What is known of such models, as measured here."""
    massive = [(row.name, asdict(channel)) for row in found.layers for channel in row.massive]
    lenses = [row.lens for row in found.layers if row.lens]
    return {
        "kinds_of_heads": dict(Counter(head.kind for head in found.heads)),
        "most_induction": max(head.induction or 0 for head in found.heads),
        "most_previous_token": max(head.previous_token for head in found.heads),
        "most_first_token": max(head.first_token for head in found.heads),
        "layers_with_massive_activations": len({name for name, _ in massive}),
        "most_massive": max(massive, key=lambda pair: pair[1]["ratio"], default=None),
        "lens_nll": [round(lens.nll, 3) for lens in lenses],
        "lens_agreement": [round(lens.agreement, 3) for lens in lenses],
        "matrices_with_outliers": sum(row.num_outliers > 0 for row in found.linear_inputs),
    }


def differences(found: Activations, other: Activations) -> dict[str, dict[str, float]]:
    """Relative differences of the same field, over all rows."""
    result = {}
    for part, fields in FIELDS.items():
        for field in fields:
            pairs = [(getattr(a, field), getattr(b, field)) for a, b in zip(getattr(found, part), getattr(other, part))]
            moved = [abs(a - b) / max(abs(b), 1e-3) for a, b in pairs]
            result[f"{part}.{field}"] = {"median": statistics.median(moved), "max": max(moved)}
    kinds = [a.kind != b.kind for a, b in zip(found.heads, other.heads)]
    return result | {"heads.kind": {"changed": sum(kinds), "of": len(kinds)}}


@torch.no_grad()
def against_transformers(lm: eigenlm.LanguageModel, window: torch.Tensor) -> dict[str, float]:
    """The largest difference of a head's fields, and of a layer's mean norm (relative), from stored activations."""
    twin = transformers_twin(lm)
    twin.set_attn_implementation("eager")
    output = twin(window, output_attentions=True, output_hidden_states=True)
    with exact():
        found = activations(lm.model, window)
    apart = {"heads": 0.0, "mean_norm": 0.0}
    for head in found.heads:
        weights_TS = output.attentions[head.layer][0, head.head]
        theirs = (weights_TS[1:, 0].mean(), weights_TS.diagonal(-1).mean(), weights_TS.diagonal()[1:].mean())
        ours = (head.first_token, head.previous_token, head.self_token)
        apart["heads"] = max(apart["heads"], *(abs(a - float(b)) for a, b in zip(ours, theirs)))
    for row, hidden_BTD in list(zip(found.layers, output.hidden_states))[:-1]:  # their last is normed
        theirs = float(hidden_BTD[0, 1:].norm(dim=1).mean())
        apart["mean_norm"] = max(apart["mean_norm"], abs(row.mean_norm / theirs - 1))
    return apart


if __name__ == "__main__":
    main()
