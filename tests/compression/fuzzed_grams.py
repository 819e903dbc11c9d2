"""Matrices with Grams of every kind, and how far what the methods make of them is from dense algebra."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eigenlm.compression import METHODS, Metric
from eigenlm.compression.actions import Found
from eigenlm.compression.offers import SHRINKAGE, Offer
from eigenlm.compression.repair import residuals
from eigenlm.linalg.error_feedback import feedback
from eigenlm.linalg.low_rank import low_rank
from eigenlm.linalg.seeded import seeded
from eigenlm.linear import DenseLinear

KINDS = ("many", "few", "zero", "rank one", "huge", "twins", "dead", "indefinite")
NEAR = 1e-6
"""Of the truth, or of a millionth of what the whole matrix counts where the truth is less than that."""
_DTYPES = (torch.float32, torch.float64, torch.bfloat16)
_DAMPING = 0.01
_TEN_DIGITS = 1e-10  # what square roots of Grams, and their inverses, keep in float64


@dataclass(frozen=True)
class Problem:
    """A matrix, what it reads and what its outputs weigh.

    Attributes:
        name: of its kinds.
        W: (m, n).
        metric: the Grams.
        fitted: those that a change is fitted by, which may be others.
    """

    name: str
    W: Tensor
    metric: Metric
    fitted: Metric


def problem(number: int, largest: int = 96) -> Problem:
    """One of as many as there are seeds: kinds of Grams by turns, sizes up to the largest and scales drawn."""
    draw = seeded(number)

    def one_of(choices: tuple[Any, ...]) -> Any:
        return choices[_below(len(choices), draw)]

    m, n = (1 + _below(largest, draw) for _ in range(2))
    inputs, outputs = KINDS[number % len(KINDS)], one_of((*KINDS, "diagonal"))
    weighted = one_of((None, *KINDS))
    C, G, of_weighted = (kind and gram(kind, size, draw) for kind, size in ((inputs, n), (outputs, m), (weighted, n)))
    fitted = Metric(C if of_weighted is None else of_weighted, G)
    W = torch.randn(m, n, generator=draw) * one_of((0.0, 1e-3, 1.0, 30.0))
    W[:: 1 + _below(m, draw)] *= one_of((0.0, 1.0, 40.0))
    W = W.to(one_of(_DTYPES))
    return Problem(f"{inputs}, {outputs}, {weighted}, {m} x {n}, {W.dtype}", W, Metric(C, G), fitted)


def gram(kind: str, size: int, draw: torch.Generator) -> Tensor:
    """One of `KINDS`, or a diagonal, in float32, its largest number between 1e-30 and 1e30."""
    samples = {"few": 1 + size // 3, "rank one": 1, "zero": 0}.get(kind, 3 * size)
    X = torch.randn(samples, size, generator=draw, dtype=torch.float64)
    match kind:
        case "huge":
            X += 1e4 * torch.randn(samples, 1, generator=draw) * torch.randn(size, generator=draw)
        case "twins":
            X[:, 1::2] = X[:, : 2 * (size // 2) : 2]
        case "dead":
            X[:, :: 1 + _below(4, draw)] = 0
    C = X.mT @ X
    C = C / C.abs().amax().clamp_min(1e-300)
    if kind == "indefinite":  # sums of few samples in float32, which negative eigenvalues remain of
        noise = 2e-7 * torch.randn(size, size, generator=draw, dtype=torch.float64)
        C = torch.ones_like(C) + noise + noise.mT
    scaled = (C * 10.0 ** float(torch.empty(()).uniform_(-30, 30, generator=draw))).float()
    return scaled.diagonal().clone() if kind == "diagonal" else scaled


class Truth:
    """Losses by another way than the methods': 1/2 || K^T D L ||^2, where C = L L^T and G = K K^T are shrunk Grams."""

    def __init__(self, metric: Metric) -> None:
        self._C, self._G = _shrunk(metric.input_gram), _shrunk(metric.output_gram)
        self._L, self._K = (np.linalg.cholesky(gram) if gram.any() else gram for gram in (self._C, self._G))

    def loss(self, D: np.ndarray) -> float:
        """Of a change."""
        return float(np.square(self._K.T @ D @ self._L).sum() / 2)

    def most(self, size: np.ndarray) -> float:
        """The most that a change of numbers no larger than these can cost."""
        return float(((abs(self._G) @ size @ abs(self._C)) * size).sum() / 2)

    def least_by_rank(self, W: np.ndarray) -> np.ndarray:
        """Eckart and Young's: sums of the discarded squared singular values of K^T W L."""
        energies = np.linalg.svd(self._K.T @ W @ self._L, compute_uv=False) ** 2 / 2
        return np.append(energies[::-1].cumsum()[::-1], 0.0)


def distances(given: Problem) -> dict[str, float]:
    """How far each result is from the truth, as a part of it: at most `NEAR` where all is well, NaN for a NaN."""
    W, metric, truth = given.W, given.metric, Truth(given.metric)
    return {
        **{name: _claimed(name, W, given, truth) for name in ("int8", "bits", "trellis")},
        "low_rank": _claimed("low_rank", W.double(), given, truth),
        "Eckart-Young": _from_the_bound(W, metric, truth),
        "low_rank in the matrix's type": _in_its_type(given, truth),
        "repair": _of_a_repair(W.float(), metric, truth),
        "feedback": max(_from_its_gram(C) for C in (metric.input_gram, metric.output_gram)),
    }


def worst_of(found: Mapping[str, float]) -> float:
    """The largest distance, infinite where one is NaN."""
    return max(math.inf if math.isnan(distance) else distance for distance in found.values())


def _claimed(name: str, W: Tensor, given: Problem, truth: Truth) -> float:
    """Losses that a method's offers claim, against those of the matrices that are built."""
    layer, whole = DenseLinear.from_dense(W), truth.loss(_wide(W))
    offers = _some(_offers(name, layer, given))
    changes = [_wide(offer.action.dense(layer, offer.parts())) - _wide(W) for offer in offers]
    return _worst(_apart(offer.loss, truth.loss(D), whole) for offer, D in zip(offers, changes))


def _from_the_bound(W: Tensor, metric: Metric, truth: Truth) -> float:
    bounds = truth.least_by_rank(_wide(W))
    shrunk = {"input_shrinkage": SHRINKAGE, "output_shrinkage": SHRINKAGE}
    tails = low_rank(W, metric.input_gram, metric.output_gram, **shrunk).tail / 2
    return _worst(_apart(tail, bound, bounds[0]) for tail, bound in zip(tails.tolist(), bounds, strict=True))


def _in_its_type(given: Problem, truth: Truth) -> float:
    """What B A loses beyond what rounding both and their product can, |D| <= (R + 4) eps |B| |A|."""
    W = given.W
    layer, whole = DenseLinear.from_dense(W), truth.loss(_wide(W))
    eps = max(torch.finfo(W.dtype).eps, _TEN_DIGITS)
    over = []
    for offer in _some(_offers("low_rank", layer, given)):
        parts = offer.parts()
        B, A = (_wide(parts[name]) for name in "BA")
        rounding = (len(A) + 4) * eps * (abs(B) @ abs(A))
        left = truth.loss(_wide(offer.action.dense(layer, parts)) - _wide(W))
        over.append(_beyond(left, offer.loss, truth.most(rounding), whole))
    return _worst(over)


def _of_a_repair(E: Tensor, metric: Metric, truth: Truth) -> float:
    """Likewise, of its factors in float32."""
    found = residuals({"layer": E}, {"layer": metric.input_gram}, {"layer": metric.output_gram})["layer"]
    whole, over = truth.loss(_wide(E)), []
    for rank in range(0, len(found.tail), 1 + len(found.tail) // 8):
        B, A = (_wide(factor) for factor in found.at(rank))
        rounding = 4 * torch.finfo(torch.float32).eps * (abs(B) @ abs(A))
        over.append(_beyond(truth.loss(_wide(E) - B @ A), float(found.tail[rank]), truth.most(rounding), whole))
    return _worst(over)


def _from_its_gram(C: Tensor) -> float:
    """R diag(d) R^T against the damped Gram, both at length 1."""
    found, C = feedback(C, _DAMPING), C.double()
    d, R = found.weights.double(), found.passed_on.double()
    made, C = (d.diag(), C.diag()) if C.ndim == 1 else (R * d @ R.mT, C)
    damped = C + _DAMPING * (float(C.diagonal().mean()) or 1.0) * torch.eye(len(C))
    return float((made / made.norm() - damped / damped.norm()).norm())


def _offers(name: str, layer: DenseLinear, given: Problem) -> list[Offer]:
    """What a method makes of a layer that is fitted in one metric and priced in another."""
    fit = METHODS[name].fit(layer, Found.of("layer", layer), given.fitted)
    return fit.offers(fit.losses(given.metric))


def _some(offers: list[Offer]) -> list[Offer]:
    """At most a dozen of them, the first and the last among them."""
    places = np.unique(np.linspace(0, len(offers) - 1, 12).round().astype(int)) if offers else []
    return [offers[place] for place in places]


def _apart(claimed: float, truth: float, whole: float) -> float:
    """The distance of a loss from the truth; `whole` is what it costs to leave the matrix out."""
    return 0.0 if claimed == truth else abs(claimed - truth) / max(truth, NEAR * whole, 1e-300)


def _beyond(left: float, claimed: float, rounding: float, whole: float) -> float:
    """How far a loss is from the one that is claimed, beyond what rounding adds: sqrt(loss) is a norm."""
    over = abs(math.sqrt(left) - math.sqrt(claimed)) - math.sqrt(rounding)
    return over / max(math.sqrt(claimed), math.sqrt(NEAR * whole), 1e-150) if not over <= 0 else 0.0


def _worst(each: Iterable[float]) -> float:
    """The largest, NaN where one is NaN."""
    return float(np.max([0.0, *each]))


def _shrunk(gram: Tensor) -> np.ndarray:
    C = _wide(gram.diag() if gram.ndim == 1 else gram)
    return (1 - SHRINKAGE) * C + SHRINKAGE * C.diagonal().mean() * np.eye(len(C))


def _wide(tensor: Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


def _below(count: int, draw: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=draw))
