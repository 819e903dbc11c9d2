"""What low rank costs SmolLM2 without training: our plan against the formulas of others, on two texts.

    python benchmarks/low_rank.py --text wikitext2.valid.txt [--tokens 49152] [--judged 32] [--seeds 0 1 2]

Documents are split by hash: factors are fitted and priced on some, a quarter of these for forecasts, and both judged
on the rest. `keep` is the fraction of the 210 linear layers' numbers that stays; the embedding is not touched. Ours is
what `eigenlm plan --keep` does, which reads an eighth as much of the model's own words beside the text; the others have
one rank for all matrices of a size, stored as B and A:

- SVD-LLM (arXiv:2403.07378): the error of a layer's output on its inputs;
- ASVD (arXiv:2312.05821): columns scaled by the size of their input to the power of 1/2, here its root mean square;
- FWSVD (arXiv:2207.00112): rows scaled by the root of the squared gradients at their output;
- the SVD of the matrix alone.
"""

import argparse
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Int
from record import record
from torch import Tensor

import eigenlm
from eigenlm.compression.forecast import LossForecast
from eigenlm.compression.prices import prices
from eigenlm.compression.room import calibration_window
from eigenlm.linalg.divergence import kl_divergence
from eigenlm.linalg.low_rank import RankedFactors, low_rank
from eigenlm.linalg.token_means import mean_over_tokens
from eigenlm.linear import DenseLinear
from eigenlm.observe import linears, replaced
from eigenlm.observe.grams import Measurement, measure
from eigenlm.tasks.own_words import own_windows
from eigenlm.text.corpus import read_documents
from eigenlm.text.python_documentation import python_documentation
from eigenlm.text.split import split_documents
from eigenlm.text.windows import token_windows, windows_across

ROWS = 128  # of logits that are compared at once
MODEL, WINDOW = "smollm2-135m-instruct", 1024
KEEPS, KEEPS_OF_OTHERS = (0.9, 0.8, 0.6), (0.9, 0.8)
_ONE_PERCENT = {"input_shrinkage": 0.01, "output_shrinkage": 0.01}
OTHERS: dict[str, Callable[[Tensor, Tensor, Tensor], RankedFactors]] = {
    "SVD-LLM": lambda W, C, G: low_rank(W, C, **_ONE_PERCENT),
    "ASVD": lambda W, C, G: low_rank(W, C.diagonal().sqrt().diag()),
    "FWSVD": lambda W, C, G: low_rank(W, None, G.diagonal()),
    "SVD": lambda W, C, G: low_rank(W),
}
Texts = Mapping[str, Int[Tensor, "B T"]]
Changed = Iterator[tuple[str, Tensor]]


def main() -> None:
    """Fill the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=49152, help="of the calibration, forecasts included")
    parser.add_argument("--judged", type=int, default=32, help="windows of each text, the first")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2), help="of the drawn gradients")
    options = parser.parse_args()
    torch.set_num_threads(2)
    lm = eigenlm.load(MODEL, device="cpu")
    calibration, evaluation = split_documents(list(read_documents(options.text)), 0.5)
    window = calibration_window(lm.config, options.tokens)
    chosen = windows_across(calibration, lm.tokenizer, window, options.tokens // window)
    documentation = "\n\n".join(document.text for document in python_documentation())
    texts: Texts = {
        name: token_windows([text], lm.tokenizer, WINDOW)[: options.judged]
        for name, text in ((options.text.name, "\n\n".join(evaluation)), ("python documentation", documentation))
    }
    judge = Judge(lm, texts)
    rows = [row for seed in options.seeds for row in ours(lm, chosen, judge, seed)]
    rows += of_others(lm, chosen, judge)
    record(
        "low_rank",
        {
            "what": "increase of nll and divergence, nats per token, SmolLM2-135M-Instruct, no training",
            "must": "<= .010, .085 and .45 more at keep .9, .8 and .6 on WikiText-2, documents disjoint",
            "text_sha256": hashlib.sha256(options.text.read_bytes()).hexdigest(),
            "calibration_tokens": chosen.numel(),
            "judged_tokens": {name: judged.numel() for name, judged in texts.items()},
            "rows": rows,
        },
    )


class Judge:
    """What a model said of some texts, beside which its changes are put; logits are of bfloat16, as they come."""

    def __init__(self, lm: eigenlm.LanguageModel, texts: Texts) -> None:
        self._model, self._texts = lm.model, texts
        self._before = {name: [self._told(window) for window in windows] for name, windows in texts.items()}

    def __call__(self, changed: Changed, row: Mapping[str, Any]) -> dict[str, Any]:
        """What a change costs on each text."""
        matrices = {name: DenseLinear.from_dense(W.bfloat16()) for name, W in changed}
        with replaced(self._model, matrices):
            told = {name: self._cost(name, windows) for name, windows in self._texts.items()}
        print(*row.values(), {name: f"{cost.loss} KL {cost.divergence}" for name, cost in told.items()}, flush=True)
        return {
            name: {"nll increase": vars(cost.loss), "divergence": vars(cost.divergence)} for name, cost in told.items()
        }

    @torch.no_grad()
    def _told(self, window: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self._model(window[None])[0].bfloat16()

    def _cost(self, name: str, windows: Tensor) -> LossForecast:
        losses, divergences = [], []
        for before_TV, window in zip(self._before[name], windows, strict=True):
            parts = zip(before_TV.split(ROWS), self._told(window).split(ROWS), window.roll(-1).split(ROWS))
            told = [compared(before.float(), after.float(), labels) for before, after, labels in parts]
            more, apart = (torch.cat(each).double() for each in zip(*told))
            losses.append(more[:-1])
            divergences.append(apart)
        return LossForecast(loss=mean_over_tokens(losses), divergence=mean_over_tokens(divergences))


def compared(before: Tensor, after: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Of each row how much more the label costs, and the divergence."""
    more = F.cross_entropy(after, labels, reduction="none") - F.cross_entropy(before, labels, reduction="none")
    return more, kl_divergence(before, after)


def ours(lm: eigenlm.LanguageModel, chosen: Tensor, judge: Judge, seed: int) -> Iterator[dict[str, Any]]:
    """What a plan decides, where gradients are drawn by one seed."""
    start = time.perf_counter()
    own = own_windows(lm, chosen.shape[1], len(chosen) // 8, seed=seed)
    found = prices(lm.model, torch.cat([own, chosen]), methods=["low_rank"], seed=seed)
    seconds, layers = time.perf_counter() - start, linears(lm.model)
    for keep in KEEPS:
        taken = {name: each for name, each in found.choose(int(keep * found.num_bytes)).items() if each.loss}
        told = found.forecast(taken)
        changed = ((name, offer.action.dense(layers[name], offer.parts())) for name, offer in taken.items())
        row = {"method": "eigenlm plan", "keep": keep, "seed": seed, "seconds": seconds, "forecast": vars(told.loss)}
        row |= {"second order": sum(offer.loss for offer in taken.values()), "dense": len(layers) - len(taken)}
        yield row | judge(changed, row)


def of_others(lm: eigenlm.LanguageModel, chosen: Tensor, judge: Judge) -> Iterator[dict[str, Any]]:
    """What the formulas of others make of the same text."""
    seen = measure(lm.model, chosen)
    for name, factor in OTHERS.items():
        found = {layer: each(factor, lm, seen, layer) for layer in linears(lm.model)}
        for keep in KEEPS_OF_OTHERS:
            row = {"method": name, "keep": keep}
            yield row | judge(products(found, keep), row)


def each(factor: Callable[..., RankedFactors], lm: eigenlm.LanguageModel, seen: Measurement, name: str) -> Any:
    """The factors of a matrix, in float32."""
    W = linears(lm.model)[name].dense().detach()
    best = factor(W, seen.input_grams[name], seen.output_grams[name])
    return best.B.float(), best.A.float()


def products(found: Mapping[str, Any], keep: float) -> Changed:
    """Of the rank at which B and A hold `keep` of m n numbers."""
    for name, (B, A) in found.items():
        rank = int(keep * len(B) * A.shape[1] / (len(B) + A.shape[1]))
        yield name, B[:, :rank] @ A[:rank]


if __name__ == "__main__":
    main()
