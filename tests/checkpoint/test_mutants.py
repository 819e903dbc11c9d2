"""A few of the damaged files of `benchmarks/mutants.py`, whose counts are of 20,000 and more."""

import argparse
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import mutants  # noqa: E402
from mutant_seeds import CHATML, Seed  # noqa: E402

TARGETS = {
    "config": "config.json",
    "weights": "model.safetensors",
    "tokenizer of a model": "tokenizer.json",
    "template": "chat_template.jinja",
}


@pytest.mark.parametrize("kind", TARGETS)
def test_a_damaged_file_is_refused_in_one_line_or_serves(kind, tiny_model, tmp_path):
    files = {path.name: path.read_bytes() for path in tiny_model.iterdir()} | {"chat_template.jinja": CHATML.encode()}
    options = argparse.Namespace(seed=1, tries=30, commands=0, keep=None)
    found = mutants.tried(kind, [Seed("tiny", files, (TARGETS[kind],))], tmp_path, options)
    assert found["faults"] == []
    assert sum(found["outcomes"].values()) == 30
    assert min(found["outcomes"]["refused"], found["outcomes"]["opened"]) >= 3
    assert found["lines"]
