import pytest

from eigenlm.vectors.bias import metrics


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of 100 draws instead of 1,000: what is asked of them here holds for any number."""
    monkeypatch.setattr(metrics, "_RESAMPLES", 100)
