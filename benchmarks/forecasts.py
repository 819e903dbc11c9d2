"""What plans foretell that compression costs SmolLM2, and what it then costs on other text of the same kind.

    python benchmarks/forecasts.py --text wikitext2.valid.txt [--tokens 16384] [--judged 32] [--sizes 27] [--seeds 0 1]

Plans are made as `eigenlm plan` makes them, of low rank, of bits, on a trellis, and of low rank with bits, for sizes at
which from .002 to .5 nats a token are lost to second order, and foretold on the quarter of the text that they keep
apart. The truth is the increase of the nll on 32 windows of 1,024 tokens of other documents. Recipes that in truth cost
less than .005 nats or more than .5 are told but not counted.
"""

import argparse
import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from record import record
from scipy.stats import spearmanr
from torch import Tensor

import eigenlm
from eigenlm.compression.prices import Prices, Taken, prices
from eigenlm.compression.room import calibration_window
from eigenlm.linear import DenseLinear
from eigenlm.observe import linears, replaced, token_table
from eigenlm.tasks.own_words import own_windows
from eigenlm.text.corpus import read_documents
from eigenlm.text.split import split_documents
from eigenlm.text.windows import token_windows, windows_across

MODEL, WINDOW, ROWS = "smollm2-135m-instruct", 1024, 256
METHODS = (["low_rank"], ["bits"], ["trellis"], ["low_rank", "bits"])
LEAST, MOST = 0.005, 0.5  # nats a token, between which a recipe counts


def main() -> None:
    """Plan, foretell and try."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=16384, help="of a plan, a quarter of them for the forecast")
    parser.add_argument("--judged", type=int, default=32, help="windows")
    parser.add_argument("--sizes", type=int, default=27, help="recipes of each plan")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1))
    options = parser.parse_args()
    lm = eigenlm.load(MODEL, device="cpu")
    calibration, evaluation = split_documents(list(read_documents(options.text)), 0.5)
    window = calibration_window(lm.config, options.tokens)
    chosen = windows_across(calibration, lm.tokenizer, window, options.tokens // window)
    truth = Truth(lm, token_windows(["\n\n".join(evaluation)], lm.tokenizer, WINDOW)[: options.judged])
    rows: list[dict[str, Any]] = []
    for seed in options.seeds:
        own = own_windows(lm, window, len(chosen) // 8, seed=seed)
        for methods in METHODS:
            found = prices(lm.model, torch.cat([own, chosen]), methods=methods, whole=True, seed=seed)
            rows += foretold(found, truth, options.sizes, {"methods": " and ".join(methods), "seed": seed})
    record(
        "forecasts",
        {
            "what": "increase of the nll, nats a token, foretold and as it then is, SmolLM2-135M-Instruct",
            "must": "of >= 200 recipes: median error <= 12 %, rank correlation >= .98, interval covers 90 to 97 %",
            "text_sha256": hashlib.sha256(options.text.read_bytes()).hexdigest(),
            "calibration_tokens": chosen.numel(),
            "judged_tokens": truth.windows.numel(),
            "all": agreement(rows),
            "by methods": {name: agreement([row for row in rows if row["methods"] == name]) for name in named(rows)},
            "rows": rows,
        },
    )


class Truth:
    """What a choice costs on text that no plan knows."""

    def __init__(self, lm: eigenlm.LanguageModel, windows: Tensor) -> None:
        self.windows = windows
        self._model = lm.model
        self._before = self._nll()

    @torch.no_grad()
    def _nll(self) -> Tensor:
        """Of each window."""
        return torch.stack([self._nll_of(window) for window in self.windows])

    def _nll_of(self, window: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            logits = self._model(window[None])[0, :-1]
        parts = zip(logits.split(ROWS), window[1:].split(ROWS))
        return torch.cat([F.cross_entropy(part.float(), labels, reduction="none") for part, labels in parts]).mean()

    @torch.no_grad()
    def __call__(self, found: Prices, taken: Taken) -> tuple[float, float]:
        """The increase of the nll, and half of its 95 % interval over windows."""
        layers = linears(found.module) | token_table(found.module)
        changed = {
            name: DenseLinear.from_dense(offer.action.dense(layers[name], offer.parts()).bfloat16())
            for name, offer in taken.items()
            if offer.loss
        }
        with replaced(self._model, changed):
            more = self._nll() - self._before
        return float(more.mean()), float(1.96 * more.std() / len(more) ** 0.5)


def foretold(found: Prices, truth: Truth, sizes: int, of: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Choices of many sizes, what each was to cost, and what it does."""
    for second_order in np.geomspace(0.002, 0.5, sizes):
        taken = found.choose(size_at(found, float(second_order)))
        start = time.perf_counter()
        told = found.forecast(taken).loss
        seconds = time.perf_counter() - start
        increase, half = truth(found, taken)
        row = of | {"bytes": sum(map(found.bytes, taken.values())), "second order": float(second_order)}
        row |= {"foretold": vars(told), "seconds": seconds, "true": increase, "half interval of the truth": half}
        print(*row.values(), flush=True)
        yield row


def size_at(found: Prices, second_order: float) -> int:
    """The least bytes at which no more is lost to second order, to a part in a thousand."""
    low, high = found.least, found.num_bytes
    while high > 1.001 * low + 1:
        middle = (low + high) // 2
        lost = sum(offer.loss for offer in found.choose(middle).values())
        low, high = (middle, high) if lost > second_order else (low, middle)
    return high


def named(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The methods, each once."""
    return list(dict.fromkeys(row["methods"] for row in rows))


def agreement(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How near forecasts are to the truth, of the recipes that count."""
    counted = [row for row in rows if LEAST <= row["true"] <= MOST]
    if not counted:
        return {"recipes": 0}
    foretold, true = (np.array([value(row) for row in counted]) for value in (_value, lambda row: row["true"]))
    errors = np.abs(foretold / true - 1)
    inside = [row["foretold"]["low"] <= row["true"] <= row["foretold"]["high"] for row in counted]
    return {
        "recipes": len(counted),
        "median error": float(np.median(errors)),
        "90th percentile of errors": float(np.quantile(errors, 0.9)),
        "median of foretold over true": float(np.median(foretold / true)),
        "rank correlation": float(spearmanr(foretold, true).statistic),
        "interval covers": float(np.mean(inside)),
        "median seconds of a forecast": float(np.median([row["seconds"] for row in counted])),
    }


def _value(row: dict[str, Any]) -> float:
    return row["foretold"]["value"]


if __name__ == "__main__":
    main()
