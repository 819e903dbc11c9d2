"""A few of the damaged files of `benchmarks/mutants.py`, whose counts are of 20,000 and more; and what it would see."""

import os
import random
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import mutant_acts
import mutant_worker
from mutations import damaged
from tests.conftest import TEMPLATE


def forever():
    while True:
        pass


@pytest.mark.parametrize(
    ("kind", "target", "tries"),
    [
        ("config", "config.json", 15),
        ("weights", "model.safetensors", 10),
        ("tokenizer", "tokenizer.json", 80),
        ("tokenizer", "chat_template.jinja", 20),
    ],
)
def test_a_damaged_file_is_refused_in_one_line_or_serves(kind, target, tries, tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    path, draw, ended = tmp_path / target, random.Random(1), Counter()
    sound = path.read_bytes() if path.exists() else TEMPLATE.encode()
    for _ in range(tries):
        path.write_bytes(damaged(target, sound, draw, [])[0])
        outcome, detail = mutant_acts.outcome(kind, tmp_path, lambda: None)
        assert outcome in ("opened", "refused"), detail
        ended[outcome] += 1
    assert min(ended["opened"], ended["refused"]) > 0


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        (lambda: 1 / 0, "traceback"),
        (os.abort, "abort"),
        (forever, "hang"),
        (lambda: b"x" * (520 << 20), "peak"),
        (lambda: b"x" * (1 << 40), "memory"),
        (lambda: os.write(2, b"panicked\n"), "noise"),
        (lambda: os.write(2, b"eigenlm: told\n"), "opened"),
    ],
)
def test_a_fault_is_seen(act, fault, tmp_path, monkeypatch):
    monkeypatch.setattr(mutant_acts, "acts_on", lambda kind, path: [("act", act)])
    monkeypatch.setattr(mutant_worker, "SECONDS", 0.2 if fault == "hang" else 10.0)
    with mutant_worker.Worker("any", tmp_path) as worker:
        assert worker.tried(tmp_path, 0)["outcome"] == fault
