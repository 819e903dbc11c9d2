"""What low rank costs SmolLM2 without training: our plan against plain and one-sided baselines, on two texts.

    python benchmarks/low_rank.py --text wikitext2.valid.txt [--seeds 2]

Documents are split by hash: factors are fitted to some (24,576 tokens), forecasts made on others (8,192), and both
judged on the rest. `keep` is the fraction of the 210 linear layers' numbers that stays; the embedding is not touched.
"""

import argparse
import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from record import record

import eigenlm
from eigenlm import compress
from eigenlm.compress.linears import linears
from eigenlm.compress.measure import measure
from eigenlm.linalg.allocation import allocate, product_cost
from eigenlm.linalg.low_rank import LowRank, low_rank
from eigenlm.text.corpus import read_documents
from eigenlm.text.python_documentation import python_documentation
from eigenlm.text.windows import split_documents, token_windows

CALIBRATION_WINDOWS, FORECAST_WINDOWS, WINDOW = 24, 8, 1024
MODEL = "smollm2-135m-instruct"


def scored(lm: eigenlm.LanguageModel, texts: dict[str, str]) -> dict[str, eigenlm.Perplexity]:
    """The nll of each text."""
    return {name: eigenlm.perplexity(lm, text, window=WINDOW) for name, text in texts.items()}


def increases(before: dict, after: dict) -> dict[str, dict[str, float]]:
    """The nll's increase on each text, with its interval."""
    return {name: asdict(eigenlm.nll_increase(before[name], after[name])) for name in before}


def planned(keep: float, windows: torch.Tensor, texts: dict, before: dict, seed: int) -> dict:
    """Our plan, applied: two-sided whitening, ranks by price, interpolative layers."""
    lm = eigenlm.load(MODEL, device="cpu")
    start = time.perf_counter()
    plan = compress.plan(lm.model, windows, keep=keep, seed=seed)
    compress.apply_(lm.model, plan)
    seconds = time.perf_counter() - start
    kept = plan.num_params_after / plan.num_params_before
    dense = sum(action.rank is None for action in plan.actions)
    told = asdict(plan.forecast)
    return {
        "method": "eigenlm plan",
        "keep": keep,
        "seed": seed,
        "kept": kept,
        "dense": dense,
        "forecast": told,
        "increase": increases(before, scored(lm, texts)),
        "seconds": seconds,
    }


def baseline(
    name: str,
    keep: float,
    factor: Callable[[str, torch.Tensor], LowRank],
    texts: dict,
    before: dict,
    *,
    shared: bool,
) -> dict:
    """Products B A at R (m + n) numbers, with ranks by price (`shared`) or the same fraction everywhere."""
    lm = eigenlm.load(MODEL, device="cpu")
    layers = linears(lm.model)
    found = {layer: factor(layer, part.weight.detach()) for layer, part in layers.items()}
    shapes = {layer: tuple(part.weight.shape) for layer, part in layers.items()}
    if shared:
        ranks = allocate({layer: low.tail / 2 for layer, low in found.items()}, shapes, keep, product_cost).ranks
    else:
        ranks = {layer: int(keep * m * n / (m + n)) for layer, (m, n) in shapes.items()}
    with torch.no_grad():
        for layer, rank in ranks.items():
            if rank is not None:
                B, A = found[layer].at(rank)
                layers[layer].weight.copy_(B @ A)
    dense = sum(rank is None for rank in ranks.values())
    return {
        "method": name,
        "keep": keep,
        "dense": dense,
        "increase": increases(before, scored(lm, texts)),
    }


def main() -> None:
    """Fill the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    lm = eigenlm.load(MODEL, device="cpu")
    calibration, evaluation = split_documents(list(read_documents(arguments.text)), 0.5)
    windows = token_windows(calibration, lm.tokenizer, WINDOW)
    chosen = windows[torch.linspace(0, len(windows) - 1, CALIBRATION_WINDOWS + FORECAST_WINDOWS).long()]

    def opening(documents, count: int) -> str:
        return lm.tokenizer.decode(lm.tokenizer.encode("\n\n".join(documents))[: count * WINDOW])

    texts = {
        arguments.text.name: opening(evaluation, 32),
        "python documentation": opening([document.text for document in python_documentation()], 8),
    }
    before = scored(lm, texts)
    rows = [
        planned(keep, chosen, texts, before, seed)
        for seed in range(arguments.seeds)
        for keep in ((0.95, 0.9, 0.8, 0.6) if seed == 0 else (0.9, 0.8))
    ]
    grams = measure(lm.model, chosen[:CALIBRATION_WINDOWS], seed=0)

    def two_sided(name: str, W: torch.Tensor) -> LowRank:
        return low_rank(W, grams.input_gram(name), grams.output_grams[name], shrinkage=0.01)

    def one_sided(name: str, W: torch.Tensor) -> LowRank:
        return low_rank(W, grams.input_gram(name), shrinkage=0.01)

    def plain(name: str, W: torch.Tensor) -> LowRank:
        return low_rank(W)

    for name, factor, shared in (
        ("two-sided, products, ranks by price", two_sided, True),
        ("one-sided whitening, uniform ranks (SVD-LLM)", one_sided, False),
        ("plain SVD, uniform ranks", plain, False),
    ):
        rows += [baseline(name, keep, factor, texts, before, shared=shared) for keep in (0.9, 0.8)]
    record(
        "low_rank",
        {
            "what": "increase of nll, nats per token, SmolLM2-135M-Instruct float32, no training",
            "must": "<= .09 at keep 0.9 and <= .38 at keep 0.8 on WikiText-2, documents disjoint",
            "text_sha256": hashlib.sha256(arguments.text.read_bytes()).hexdigest(),
            "calibration_tokens": CALIBRATION_WINDOWS * WINDOW,
            "before": {name: {"nll": found.nll, "tokens": found.tokens} for name, found in before.items()},
            "rows": rows,
        },
    )


if __name__ == "__main__":
    main()
