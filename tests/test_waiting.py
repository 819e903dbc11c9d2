"""Threads sleep while they wait, unless the user said how they should."""

import os
import subprocess
import sys

import pytest

PRINT = "import eigenlm, os; print({name: os.environ.get(name) for name in ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT')})"


@pytest.mark.parametrize(
    ("said", "policy", "count"),
    [({}, "PASSIVE", None), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE", None), ({"GOMP_SPINCOUNT": "7"}, None, "7")],
)
def test_the_policy_is_set_once_and_never_against_the_user(
    said: dict[str, str], policy: str | None, count: str | None
) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY",)} | said
    done = subprocess.run([sys.executable, "-c", PRINT], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str({"OMP_WAIT_POLICY": policy, "GOMP_SPINCOUNT": count})


def test_torch_reads_it() -> None:
    """libgomp tells what it took when asked to, as it loads."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-c", "import eigenlm, torch"]
    done = subprocess.run(command, env=environment | {"OMP_DISPLAY_ENV": "true"}, capture_output=True, text=True)
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr
