"""What low rank costs SmolLM2 without training: our plan against plain and one-sided baselines, on two texts.

    python benchmarks/low_rank.py --text wikitext2.valid.txt

Documents are split by hash: factors are fitted to some (24,576 tokens), forecasts made on others (4,096), and both
judged on the rest. `keep` is the fraction of the 210 linear layers' numbers that stays; the embedding is not touched.
"""

import argparse
import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from record import record

import eigenlm
from eigenlm import compression
from eigenlm.linalg.allocation import Cost, allocate, interpolative_cost, product_cost
from eigenlm.linalg.low_rank import RankedFactors, low_rank
from eigenlm.observe.grams import measure
from eigenlm.observe.linears import linears
from eigenlm.text.corpus import read_documents
from eigenlm.text.python_documentation import python_documentation
from eigenlm.text.split import split_documents
from eigenlm.text.windows import token_windows

CALIBRATION_WINDOWS, FORECAST_WINDOWS, WINDOW = 24, 4, 1024
MODEL = "smollm2-135m-instruct"


def scored(lm: eigenlm.LanguageModel, texts: dict[str, str]) -> dict[str, eigenlm.Perplexity]:
    """The nll of each text."""
    return {name: eigenlm.perplexity(lm, text, window=WINDOW) for name, text in texts.items()}


@dataclass(frozen=True)
class Method:
    """A way to factor a matrix, what its factors cost, and whether ranks are bought under one budget."""

    name: str
    factor: Callable[[str, torch.Tensor], RankedFactors]
    cost: Cost
    by_price: bool


def uniform_rank(keep: float, m: int, n: int) -> int:
    """The rank at which B and A hold `keep` of m n numbers."""
    return int(keep * m * n / (m + n))


def row(method: Method, keep: float, found: dict[str, RankedFactors], lm, apart, texts: dict, before: dict) -> dict:
    """Put the products in the place of the matrices, judge them, and put the matrices back."""
    layers = linears(lm.model)
    shapes = {name: tuple(layer.weight.shape) for name, layer in layers.items()}
    if method.by_price:
        ranks = allocate({name: low.tail / 2 for name, low in found.items()}, shapes, keep, method.cost).ranks
    else:
        ranks = {name: uniform_rank(keep, *shape) for name, shape in shapes.items()}
    originals = {name: layers[name].weight.detach().clone() for name in layers}
    products = {}
    for name, rank in ranks.items():
        if rank is not None:
            B, A = found[name].at(rank)
            products[name] = (B @ A).float()
    told = compression.forecast(lm.model, products.items(), apart)
    with torch.no_grad():
        for name, W in products.items():
            layers[name].weight.copy_(W)
        after = scored(lm, texts)
        for name, W in originals.items():
            layers[name].weight.copy_(W)
    dense = sum(rank is None for rank in ranks.values())
    increase = {name: asdict(eigenlm.nll_increase(before[name], after[name])) for name in before}
    print(method.name, keep, {name: round(value["value"], 4) for name, value in increase.items()}, flush=True)
    return {"method": method.name, "keep": keep, "dense": dense, "forecast": asdict(told), "increase": increase}


def main() -> None:
    """Fill the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    lm = eigenlm.load(MODEL, device="cpu")
    calibration, evaluation = split_documents(list(read_documents(arguments.text)), 0.5)
    windows = token_windows(calibration, lm.tokenizer, WINDOW)
    chosen = windows[torch.linspace(0, len(windows) - 1, CALIBRATION_WINDOWS + FORECAST_WINDOWS).long()]

    def opening(documents, count: int) -> str:
        return lm.tokenizer.decode(lm.tokenizer.encode("\n\n".join(documents))[: count * WINDOW])

    texts = {
        arguments.text.name: opening(evaluation, 24),
        "python documentation": opening([document.text for document in python_documentation()], 6),
    }
    before = scored(lm, texts)
    fitted, apart = chosen[:CALIBRATION_WINDOWS], chosen[CALIBRATION_WINDOWS:]
    start = time.perf_counter()
    grams = measure(lm.model, fitted)
    seconds = time.perf_counter() - start

    def two_sided(name: str, W: torch.Tensor) -> RankedFactors:
        return low_rank(W, grams.input_grams[name], grams.output_grams[name], shrinkage=0.01)

    def one_sided(name: str, W: torch.Tensor) -> RankedFactors:
        return low_rank(W, grams.input_grams[name], shrinkage=0.01)

    methods = (
        (
            Method("eigenlm plan: two-sided, interpolative, by price", two_sided, interpolative_cost, True),
            (0.95, 0.9, 0.8),
        ),
        (Method("two-sided, products B A, by price", two_sided, product_cost, True), (0.9, 0.8)),
        (Method("one-sided whitening, uniform (SVD-LLM)", one_sided, product_cost, False), (0.9, 0.8)),
        (Method("plain SVD, uniform", lambda _, W: low_rank(W), product_cost, False), (0.9,)),
    )
    rows = []
    for method, keeps in methods:
        found = {name: method.factor(name, layer.weight.detach()) for name, layer in linears(lm.model).items()}
        rows += [row(method, keep, found, lm, apart, texts, before) for keep in keeps]
    record(
        "low_rank",
        {
            "what": "increase of nll, nats per token, SmolLM2-135M-Instruct float32, no training",
            "must": "<= .09 at keep 0.9 and <= .38 at keep 0.8 on WikiText-2, documents disjoint",
            "text_sha256": hashlib.sha256(arguments.text.read_bytes()).hexdigest(),
            "calibration_tokens": CALIBRATION_WINDOWS * WINDOW,
            "forecast_tokens": FORECAST_WINDOWS * WINDOW,
            "measuring_seconds": seconds,
            "before": {name: {"nll": found.nll, "tokens": found.tokens} for name, found in before.items()},
            "rows": rows,
        },
    )


if __name__ == "__main__":
    main()
