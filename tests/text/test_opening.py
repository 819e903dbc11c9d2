from pathlib import Path

import pytest

from eigenlm.language_model import load
from eigenlm.text.opening import opening


def test_opening_has_about_as_many_tokens_as_asked(tiny_model: Path, tiny_text: Path) -> None:
    tokenizer = load(tiny_model, device="cpu").tokenizer
    documents = [tiny_text.read_text()] * 5
    text = opening(documents, tokenizer, 300)
    assert "\n\n".join(documents).startswith(text)
    # A cut between tokens can merge otherwise when it is read again.
    assert len(tokenizer.encode(text)) == pytest.approx(300, abs=5)
