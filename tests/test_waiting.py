"""Threads sleep while they wait where others are at work, unless the user said how they should."""

import os
import subprocess
import sys

import pytest

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
LOADED = "from pathlib import Path; read = Path.read_text; Path.read_text = lambda *_: '0.9 0.9 0.9 {at_work}/80 99'; "
LOADED += "import os; os.cpu_count = lambda: 2; import eigenlm; Path.read_text = read; import torch; "
PRINT = f"print([os.environ.get(name) for name in {NAMES}])"


def told(at_work: int, said: dict[str, str]) -> tuple[str, str]:
    """What stands in the environment, and what libgomp says that it took."""
    environment = {name: value for name, value in os.environ.items() if name not in NAMES} | said
    command = [sys.executable, "-c", LOADED.format(at_work=at_work) + PRINT]
    environment["OMP_DISPLAY_ENV"] = "verbose"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize(
    ("at_work", "said", "environment", "spins"),
    [
        (2, {}, ["PASSIVE", None, None], "'0'"),
        (1, {}, [None, None, None], "'300000'"),
        (2, {"OMP_WAIT_POLICY": "ACTIVE"}, ["ACTIVE", None, None], "'30000000000'"),
        (2, {"GOMP_SPINCOUNT": "7"}, [None, "7", None], "'7'"),
    ],
)
def test_the_policy_is_that_of_a_busy_machine_and_never_against_the_user(
    at_work: int, said: dict[str, str], environment: list[str | None], spins: str
) -> None:
    out, err = told(at_work, said)
    assert out == str(environment)
    assert f"GOMP_SPINCOUNT = {spins}" in err
