"""SmolLM2 rounded to 3 bits, and how much of what that cost low-rank matrices give back in closed form.

python benchmarks/repair.py --text wikitext2.valid.txt --other tinyshakespeare.txt [--tokens 8192] [--judged 64]

Groups of 64 numbers of a row share a step and a least one. Numbers are rounded to the nearest, or column by column,
each making up for the errors before (`linalg.error_feedback`). All repairs know the same windows of the first half of
the text; judged are windows of its second half, and of the other text. The peers are run anew from their formulas.
"""

import argparse
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import record
from torch import Tensor

import eigenlm
from eigenlm.compression.repair import chosen_ranks, residuals
from eigenlm.linalg.error_feedback import feedback, round_in_turn
from eigenlm.linalg.low_rank import RankedFactors, low_rank
from eigenlm.linalg.paired import paired_mean
from eigenlm.linear import DenseLinear
from eigenlm.model import Transformer
from eigenlm.observe import linears, measure, replace_
from eigenlm.observe.grams import Measurement
from eigenlm.observe.predictions import quick_products
from eigenlm.tasks.language_modelling import token_nll
from eigenlm.text.windows import windows_across

MODEL = "smollm2-135m-instruct"
WINDOW, BITS, GROUP = 512, 3, 64
TOP = (1 << BITS) - 1
Matrices = Mapping[str, Tensor]


@dataclass(frozen=True)
class MinMax:
    """A grid from the least to the largest number of each row of a block of columns."""

    codes: np.ndarray
    step: np.ndarray
    low: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray, weights: np.ndarray) -> "MinMax":
        """The grid of these numbers."""
        low, high = numbers.min(axis=1, keepdims=True), numbers.max(axis=1, keepdims=True)
        return cls(np.zeros(numbers.shape, np.uint8), (high - low) / TOP, -low)

    def steps(self) -> np.ndarray:
        """Of each row."""
        return self.step

    def lows(self) -> np.ndarray:
        """Likewise."""
        return self.low

    def numbers(self) -> np.ndarray:
        """What the codes stand for."""
        return self.step * self.codes - self.low


def nearest(W: Tensor) -> Tensor:
    """Each number by itself."""
    groups = W.unflatten(1, (-1, GROUP))
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    step = (high - low) / TOP
    return (((groups - low) / step).round() * step + low).flatten(1)


def in_turn(W: Tensor, gram: Tensor) -> Tensor:
    """Columns one after another."""
    grids = round_in_turn(
        W, feedback(gram), feedback(torch.ones(len(W))), GROUP, np.arange(TOP + 1, dtype=np.float32), MinMax.of
    )
    return torch.from_numpy(np.concatenate([grid.numbers() for grid in grids], axis=1))


WAYS: Mapping[str, Callable[[Matrices, Matrices], Matrices]] = {
    "nearest": lambda layers, _: {name: nearest(W) for name, W in layers.items()},
    "in turn": lambda layers, weighted: {name: in_turn(W, weighted[name]) for name, W in layers.items()},
}


def with_matrices(model: Transformer, matrices: Matrices) -> Transformer:
    """A twin of which these layers have other matrices."""
    twin = copy.deepcopy(model, {id(parameter): parameter for parameter in model.parameters()})
    for name, W in matrices.items():
        replace_(twin, name, DenseLinear.from_dense(W, linears(model)[name].bias))
    return twin


@torch.no_grad()
def nll(model: Transformer, texts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Nats of each window of each text."""
    with quick_products(torch.device("cpu")):
        return {
            text: torch.stack([token_nll(model(ids[None])[0], ids).double().sum() for ids in windows])
            for text, windows in texts.items()
        }


@dataclass(frozen=True)
class Method:
    """A way to find residuals.

    Attributes:
        name: what it is called.
        find: the best residuals of each rank, of the errors W - Q, given what was measured of the original.
        chooses: whether a rank is chosen for each matrix.
    """

    name: str
    find: Callable[[Matrices, Measurement], Mapping[str, RankedFactors]]
    chooses: bool = False


def in_metric(metric: Callable[[Tensor], Tensor | None], shrinkage: float = 0.0) -> Callable[..., Any]:
    """Residuals where the outputs of a layer all count alike, and its inputs by what is made of their Gram."""

    def find(errors: Matrices, seen: Measurement) -> Mapping[str, RankedFactors]:
        return {
            name: low_rank(E, metric(seen.input_grams[name]), input_shrinkage=shrinkage) for name, E in errors.items()
        }

    return find


def in_ours(errors: Matrices, seen: Measurement) -> Mapping[str, RankedFactors]:
    """Residuals as `compression.repair` finds them."""
    return residuals(errors, seen.weighted_grams, seen.output_grams)


METHODS = (
    Method("LQER: SVD of the error", in_metric(lambda C: None)),
    Method("QERA-approx: mean squares of the inputs", in_metric(lambda C: C.diagonal().diag())),
    Method("QERA-exact, EoRA: Gram of the inputs", in_metric(lambda C: C, 0.01)),
    Method("eigenlm: weighted Gram of the inputs, Gram of the output gradients", in_ours),
    Method("eigenlm, ranks chosen", in_ours, chooses=True),
)


def judged(before: Mapping[str, Tensor], rounded: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> dict[str, Any]:
    """For each text the increase that is left, nats per token, and the part that is gone, paired by windows."""
    told = {}
    for text, nats in before.items():
        tokens = torch.full((len(nats),), float(WINDOW - 1))
        told[text] = {
            "increase": vars(paired_mean(after[text] - nats, tokens)),
            "given back": vars(paired_mean(rounded[text] - after[text], rounded[text] - nats)),
        }
    return told


def repaired(
    method: Method, found: Mapping[str, RankedFactors], rank: int, rounded: Matrices
) -> tuple[dict[str, Tensor], int]:
    """The matrices with what is added to them, and the numbers of that."""
    ranks = chosen_ranks(found, rank) if method.chooses else dict.fromkeys(found, rank)
    factors = {name: best.at(ranks[name]) for name, best in found.items()}
    numbers = sum(B.numel() + A.numel() for B, A in factors.values())
    return {name: rounded[name] + (B @ A).float() for name, (B, A) in factors.items()}, numbers


def main() -> None:
    """Round, repair in every way, judge; figures are written after each way to round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--other", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=8192, help="of the calibration")
    parser.add_argument("--judged", type=int, default=64, help="windows of each text")
    parser.add_argument("--ranks", type=int, nargs="+", default=(16, 32))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    lm = eigenlm.load(MODEL, device="cpu")
    whole = options.text.read_text("utf-8")
    fitted = windows_across([whole[: len(whole) // 2]], lm.tokenizer, WINDOW, options.tokens // WINDOW)
    second, other = whole[len(whole) // 2 :], options.other.read_text("utf-8")
    texts = {f"{options.text.name}, second half": second, options.other.name: other}
    judges = {name: windows_across([text], lm.tokenizer, WINDOW, options.judged) for name, text in texts.items()}
    before, seen = nll(lm.model, judges), measure(lm.model, fitted, kinds=("inputs", "outputs", "weighted"))
    layers = {name: layer.dense().detach() for name, layer in linears(lm.model).items()}
    size, rows = sum(W.numel() for W in layers.values()), []
    for way in WAYS:
        rounded = WAYS[way](layers, seen.weighted_grams)
        cost, errors = nll(with_matrices(lm.model, rounded), judges), {n: W - rounded[n] for n, W in layers.items()}
        rows.append({"rounded": way, "method": "none", **judged(before, cost, cost)})
        found: dict[Callable[..., Any], Mapping[str, RankedFactors]] = {}
        for method in METHODS:
            if method.find not in found:
                found = {method.find: method.find(errors, seen)}
            for rank in options.ranks:
                matrices, numbers = repaired(method, found[method.find], rank, rounded)
                row = {"rounded": way, "method": method.name, "rank": rank, "numbers added a weight": numbers / size}
                after = nll(with_matrices(lm.model, matrices), judges)
                rows.append({**row, **judged(before, cost, after)})
                print(rows[-1], flush=True)
        figures = {
            "model": MODEL,
            "rounded to": f"{BITS} bits; groups of {GROUP} numbers share a step and a least number",
            "calibration tokens": fitted.numel(),
            "judged tokens of each text": options.judged * (WINDOW - 1),
            "sha256": {path.name: sha256(path.read_bytes()).hexdigest() for path in (options.text, options.other)},
        }
        record("repair", {**figures, "rows": rows})


if __name__ == "__main__":
    main()
