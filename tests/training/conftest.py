"""A text for tiny runs, and no measuring of this machine in each of them."""

from pathlib import Path

import pytest

from tests.training.tiny_run import write_documents


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of short documents."""
    return write_documents(tmp_path_factory.mktemp("documents"))


@pytest.fixture
def no_rates(monkeypatch) -> None:
    """Takes a run's measurement of the processor away: it costs more than the run, and only MFU needs it."""
    monkeypatch.setattr("eigenlm.training.loop.product_rate", lambda *_: 1.0)
