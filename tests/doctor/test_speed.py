"""The doctor's rates are those of linalg, in billions."""

import pytest

from eigenlm.doctor import speed


def test_rates_are_told_in_billions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "gemm_rate", lambda dtype, device, seconds: 3e9)
    monkeypatch.setattr(speed, "read_rate", lambda device, seconds: 7e9)
    measured = speed.measure_speed("cpu")
    assert (measured.gemm_float32, measured.gemm_bfloat16, measured.read) == pytest.approx((3.0, 3.0, 7.0))
