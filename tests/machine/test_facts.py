"""Facts are found out once, and every room takes the same."""

import pytest
import torch

from eigenlm.machine import facts
from eigenlm.training.precision import choose_precision


def test_a_rate_is_measured_once_for_each_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, calls = iter([1.0, 2.0, 1.5]), []
    monkeypatch.setattr(facts, "gemm_rate", lambda dtype, *_: calls.append(dtype) or next(looks))
    facts._measured.cache_clear()
    try:
        assert [facts.product_rate(torch.float64) for _ in range(3)] == [2e9] * 3
        assert calls == [torch.float64] * 3  # three looks, of which the others were disturbed
    finally:
        facts._measured.cache_clear()


@pytest.mark.parametrize(("bfloat16", "chosen"), [(1.0, "float32"), (1.2, "float32"), (1.4, "bfloat16")])
def test_training_and_forecast_choose_the_same_precision(
    bfloat16: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from eigenlm.planner import CLUSTERS, forecast
    from tests.planner.configs import recipe

    rates = {torch.float32: 1e12, torch.bfloat16: bfloat16 * 1e12}
    monkeypatch.setattr("eigenlm.training.precision.product_rate", lambda dtype, *_: rates[dtype])
    assert choose_precision("auto", torch.device("cpu")) == chosen
    machine = CLUSTERS["1x H100"]
    single, half = (replace(machine.float32, products=rates[dtype]) for dtype in rates)
    assert forecast(recipe(), replace(machine, float32=single, bfloat16=half)).precision == chosen
