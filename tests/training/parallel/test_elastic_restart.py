"""A rank is killed under torchrun, or fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eigenlm.errors import ConfigError
from eigenlm.machine.processes import join_ranks


def test_a_rank_that_was_killed_or_failed_comes_back(tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=2"]
    script = str(Path(__file__).with_name("dying_rank.py"))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*torchrun, script, str(said)], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert said.read_text() == "attempt 2: a sum of 2"
    told = [line for line in done.stderr.splitlines() if "errors.Rank" in line]
    assert len(told) == 2
    assert "rank 0: expected all 2 ranks at work, got one that was killed" in told[0]
    assert "errors.RankToldError: ended by rank 1 of 2: DataError: no more room" in told[1]


def test_one_process_needs_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_ranks() as ranks:
        assert (ranks.rank, ranks.size, ranks.is_first, ranks.mesh) == (0, 1, True, None)
        assert ranks.gather({"a": 1}) == [{"a": 1}]
        assert ranks.broadcast("word") == "word"
        ranks.barrier()


def test_ranks_that_tensor_does_not_divide_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ConfigError, match="a divisor of the 3 rank"), join_ranks(tensor=2):
        pass
