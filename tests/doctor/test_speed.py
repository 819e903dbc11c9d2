"""The doctor's rates are those of linalg."""

import pytest

from eigenlm.doctor import speed


def test_rates_are_those_of_linalg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "gemm_rate", lambda dtype, device, seconds: 3.0)
    monkeypatch.setattr(speed, "read_rate", lambda device, seconds: 7.0)
    measured = speed.measure_speed("cpu")
    assert (measured.gemm_float32, measured.gemm_bfloat16, measured.read) == (3.0, 3.0, 7.0)
