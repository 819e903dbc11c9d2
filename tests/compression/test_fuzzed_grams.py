"""Every method on Grams of every kind: no exception, no NaN, losses as they are told, low rank at its bound."""

import pytest
import torch

from eigenlm.compression import METHODS, Metric
from eigenlm.compression.actions import Found
from eigenlm.linalg.seeded import seeded
from eigenlm.linear import DenseLinear
from tests.compression.fuzzed_grams import KINDS, NEAR, distances, gram, problem, worst_of


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
def test_no_gram_is_too_odd_for_any_method(kind: int) -> None:
    for number in range(kind, 25 * len(KINDS), len(KINDS)):
        given = problem(number, largest=32)
        found = distances(given)
        assert worst_of(found) <= NEAR, (number, given.name, found)


@pytest.mark.parametrize("method", ["bits", "trellis"])
@pytest.mark.parametrize(("inputs", "outputs"), [(-90, 60), (70, -90)])
def test_the_units_of_grams_change_no_matrix(method: str, inputs: int, outputs: int) -> None:
    draw = seeded(0)
    layer = DenseLinear.from_dense(torch.randn(40, 64, generator=draw))
    C, G = (gram("many", size, draw) for size in (64, 40))
    C, G = C / C.amax(), G / G.amax()
    metrics = Metric(C, G), Metric(C * 2.0**inputs, G * 2.0**outputs)
    offers, others = (METHODS[method].offers(layer, Found.of("layer", layer), metric) for metric in metrics)
    for offer, other in zip(offers, others, strict=True):
        assert other.loss == pytest.approx(offer.loss * 2.0 ** (inputs + outputs), rel=1e-12)
        assert all(torch.equal(part, other.parts()[name]) for name, part in offer.parts().items())
