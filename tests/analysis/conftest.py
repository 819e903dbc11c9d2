"""One small model, seen in every way there is."""

from dataclasses import replace
from pathlib import Path

import pytest

import eigenlm
from eigenlm.analysis import Analysis, analyze
from eigenlm.analysis.curvature import Effort, curvature
from eigenlm.analysis.senses import SenseSentences
from eigenlm.text.windows import token_windows
from tests.conftest import TEXT

BANKS = SenseSentences(
    word="bank",
    senses={
        "river": ["A muddy bank.", "They sat on the green bank.", "It swam to the bank."],
        "money": ["A rich bank.", "They paid at the bank.", "It owes the bank."],
    },
)


@pytest.fixture(scope="session")
def seen(tiny_model: Path) -> Analysis:
    """An analysis of the tiny model with every section, the curvature with little effort."""
    lm = eigenlm.load(tiny_model)
    windows = token_windows([TEXT], lm.tokenizer, 32)[:2]
    effort = Effort(eigenvalues=2, probes=2, groups=2, draws=1, starts=2, steps=8, blocks=2)
    found = analyze(lm, text=[TEXT * 20], senses=BANKS)
    return replace(found, curvature=curvature(lm.model, windows, effort=effort))
