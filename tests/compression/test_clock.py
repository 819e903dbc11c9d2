"""What matrices cost in time, and plans that save it."""

from typing import Any

import pytest
import torch

from eigenlm.compression import Plan, apply_, plan
from eigenlm.compression.actions import Found, Keep
from eigenlm.compression.clock import Clock
from eigenlm.compression.methods.low_rank import LowRank
from eigenlm.compression.offers import Offer, keep_offer
from eigenlm.compression.prices import matrices, prices
from eigenlm.engine.packing import pack
from eigenlm.errors import ConfigError
from eigenlm.linear import DenseLinear
from tests.model.test_transformer import LLAMA, build, ids

WINDOWS = ids(8, 16, seed=1)


def ranked(size: int) -> tuple[DenseLinear, list[Offer]]:
    """A square matrix, and offers of every rank below its size."""
    layer = DenseLinear.from_dense(torch.randn(size, size, generator=torch.Generator().manual_seed(0)))
    found = Found.of("layer", layer)
    ranks = [LowRank(rank=rank) for rank in range(size)]
    parts = {"B": layer.dense().detach(), "A": torch.eye(size)}
    offers = [Offer(action=r, bytes=1, loss=1.0, time=r.num_params(found), parts=lambda: parts) for r in ranks]
    return layer, [*offers, keep_offer(layer, found)]


def test_ranks_that_are_not_measured_lie_between_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []

    def least(name: str, layer: Any, x: torch.Tensor) -> float:
        measured.append(layer.num_multiplications)
        return 1e-9 * (100 + 3 * layer.num_multiplications)

    monkeypatch.setattr("eigenlm.compression.clock._least", least)
    layer, offers = ranked(64)
    clock = Clock()
    told = clock.nanoseconds({"a": layer, "b": layer}, {"a": offers, "b": offers})
    assert told["a"] == told["b"] == [100 + 3 * offer.time for offer in offers]
    assert len(measured) == 10


def test_a_larger_matrix_takes_longer() -> None:
    sizes = (64, 2048)
    layers = {str(n): DenseLinear.from_dense(torch.ones(n, n)) for n in sizes}
    offers = {name: [keep_offer(layer, Found.of(name, layer))] for name, layer in layers.items()}
    (small,), (large,) = Clock().nanoseconds(layers, offers).values()
    assert 0 < 2 * small < large


def timed(monkeypatch: pytest.MonkeyPatch, model: torch.nn.Module, fraction: float, *methods: str) -> Plan:
    """A plan where each byte of an offer takes a nanosecond."""

    def by_bytes(_: Clock, layers: Any, offers: Any) -> dict[str, list[int]]:
        return {name: [offer.bytes for offer in each] for name, each in offers.items()}

    monkeypatch.setattr(Clock, "nanoseconds", by_bytes)
    return plan(model, WINDOWS, goal={"time": fraction}, methods=methods)


def test_a_fraction_of_the_time_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(LLAMA)
    made = timed(monkeypatch, model, 0.6, "low_rank", "int8")
    assert made.timing is not None
    assert 0.5 * made.timing.before < made.timing.after <= 0.6 * made.timing.before
    assert "embedding.token" in {each.name for each in made.actions}
    apply_(model, made)
    assert pack(model)(WINDOWS).isfinite().all()


def test_what_is_out_of_reach_tells_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(LLAMA)
    with pytest.raises(ConfigError, match=r"planning for the methods given, time: expected 0\.\d+ at least, got 0\.01"):
        timed(monkeypatch, model, 0.01, "int8")


def test_the_times_of_a_model_are_its_own() -> None:
    found = prices(build(LLAMA), WINDOWS, methods=("int8", "bits"), whole=True)
    times = found.nanoseconds()
    assert {name: len(each) for name, each in times.items()} == {n: len(each) for n, each in found.offers.items()}
    assert set(times) == set(matrices(found.module))
    assert all(nanoseconds > 0 for each in times.values() for nanoseconds in each)
    assert all(isinstance(each[-1].action, Keep) for each in found.offers.values())


def test_a_model_that_is_not_timed_is_refused_before_it_is_measured() -> None:
    with pytest.raises(ConfigError, match="timing matrices: expected a model on the CPU, got meta; plan with"):
        plan(build(LLAMA).to("meta"), WINDOWS, goal={"time": 0.5}, methods=("int8",))
