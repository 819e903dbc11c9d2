"""`eigenlm measure`: two models on one text."""

import json
from pathlib import Path

import pytest

import eigenlm
from eigenlm.cli import main

Capture = pytest.CaptureFixture[str]


def test_json_holds_what_python_gives(tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    lm = eigenlm.load(tiny_model)
    lm.model.blocks[0].feed_forward.down.weight.data *= 0.9
    lm.save(tmp_path / "other")
    words = ["measure", str(tiny_model), str(tmp_path / "other"), "--text", str(tiny_text), "--window", "32"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    want = eigenlm.measure(tiny_model, tmp_path / "other", tiny_text.read_text(), window=32)
    assert told["kl"]["value"] == pytest.approx(want.kl.value)
    assert told["nll_increase"]["value"] == pytest.approx(want.nll_increase.value)
    assert told["before"]["num_bytes"] == told["after"]["num_bytes"] == lm.num_bytes
    assert main(words) == 0
    out = capsys.readouterr().out
    assert f"measured on {want.tokens:,} tokens" in out
    assert f"{want.after.score.perplexity:.3f}" in out


def test_a_model_that_is_not_there(tiny_model: Path, tiny_text: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["measure", str(tiny_model), str(tmp_path / "none"), "--text", str(tiny_text)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
