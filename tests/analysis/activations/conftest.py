"""Float32 throughout, so that numbers can be compared closely."""

import contextlib
import importlib

import pytest


@pytest.fixture(autouse=True)
def exact_products(monkeypatch):
    """No bfloat16."""
    for room in ("observe.watching", "analysis.activations.logit_lens"):
        module = importlib.import_module(f"eigenlm.{room}")
        monkeypatch.setattr(module, "quick_products", lambda _: contextlib.nullcontext())
