"""Rates, against clocks whose answer is known."""

import time

import pytest
import torch

from eigenlm.machine import speed


def test_median_time_is_that_of_the_act() -> None:
    seconds = speed.median_seconds(lambda: time.sleep(0.02), torch.device("cpu"), 0.1)
    # A sleep is never short; a loaded machine may be late, but not by as much again in the median.
    assert 0.02 <= seconds < 0.04


def test_rates_count_operations_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "median_seconds", lambda act, device, seconds: 0.5)
    monkeypatch.setattr(speed, "_READ_BYTES", 4 * 10**6)
    assert speed.gemm_rate(torch.float32) == pytest.approx(2 * 1024**3 / 0.5 / 1e9)
    assert speed.read_rate() == pytest.approx(4e6 / 0.5 / 1e9)
