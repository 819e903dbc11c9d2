"""MiniLM made smaller: how near the vectors of 1,000 sentences stay to those of the model as it was.

python benchmarks/sentence_shrink.py --text imdb.train.unsup.jsonl.gz [--sentences 1000] [--seeds 3]

Sentences are the first of as many reviews, which no plan has seen: plans are made on the documentation inside Python,
as the command does without a text. Cosines are those of pooled vectors, before and after.
"""

import argparse
import itertools
import time
from pathlib import Path
from typing import Any

import torch
from record import record, spread

import eigenlm
from eigenlm.text.corpus import documents_of

MODEL = "minilm-l6-v2"
WAYS: dict[str, tuple[float, dict[str, Any]]] = {
    "int8": (0.999, {"keep": 0.265, "methods": ("int8",)}),
    "4.5 bits a number": (0.99, {"goal": {"bits": 4.5}, "methods": ("bits",)}),
    "4.25 bits a number on a trellis": (0.99, {"goal": {"bits": 4.25}, "methods": ("trellis",)}),
    "keep .8": (0.98, {"keep": 0.8, "methods": ("low_rank",)}),
    "a file of 16 MB": (0.99, {"goal": {"size": 16_000_000}, "methods": ("bits",)}),
}


def main() -> None:
    """Plan, apply and compare, for each way and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    texts = [text.split(". ")[0] for text in itertools.islice(documents_of(options.text)[1], options.sentences)]
    before = torch.as_tensor(eigenlm.load(MODEL).embed(texts))
    figures = {}
    for name, (must, how) in WAYS.items():
        runs = [_cosines(texts, before, how, seed) for seed in range(options.seeds)]
        figures[name] = {
            "must": must,
            "mean cosine": spread([float(run["cosines"].mean()) for run in runs]),
            "lowest cosine": spread([float(run["cosines"].min()) for run in runs]),
            "foretold": spread([1 - run["forecast"] for run in runs]),
            "bytes of matrices": runs[0]["bytes"],
            "seconds of planning": spread([run["seconds"] for run in runs]),
        }
        print(name, figures[name], flush=True)
    record("sentence_shrink", {"model": MODEL, "sentences": len(texts), "ways": figures})


def _cosines(texts: list[str], before: torch.Tensor, how: dict[str, Any], seed: int) -> dict[str, Any]:
    start = time.perf_counter()
    plan = eigenlm.plan(eigenlm.load(MODEL), seed=seed, **how)
    seconds = time.perf_counter() - start
    after = torch.as_tensor(eigenlm.apply(plan).embed(texts))
    cosines = torch.nn.functional.cosine_similarity(before, after, dim=-1)
    return {
        "cosines": cosines,
        "forecast": plan.forecast.value,
        "bytes": plan.num_bytes_after,
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
