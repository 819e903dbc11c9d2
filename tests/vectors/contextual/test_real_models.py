"""A real model tells the bank of a river from that of money by itself."""

from pathlib import Path

import pytest

import eigenlm
from eigenlm.analysis.senses import BANK
from eigenlm.vectors.contextual import groups, word_in_context


def test_minilm_finds_the_two_banks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(groups, "_CLOUDS", 39)
    senses = [(sense, line) for sense, lines in BANK.senses.items() for line in lines]
    (tmp_path / "bank.txt").write_text("\n".join(line for _, line in senses), encoding="utf-8")
    lm = eigenlm.load("minilm-l6-v2", device="cpu")
    found = word_in_context(lm, "bank", tmp_path / "bank.txt")
    assert found.groups.is_clear
    assert len(found.groups.groups) == 2
    assert found.groups.p == pytest.approx(1 / 40)  # no cloud without groups is parted as far
    is_river = [sense == "river" for sense, _ in senses]
    hits = sum((place.group == 0) == river for place, river in zip(found.sentences, is_river))
    assert max(hits, 32 - hits) >= 30  # whichever of the two is group 0
    assert found.layers[0].adjusted > found.layers[-1].adjusted  # less and less of the word, more of its sentence
    assert "banks" in [word for word, _ in found.static_neighbours]
