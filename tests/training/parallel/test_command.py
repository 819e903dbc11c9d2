"""`eigenlm train` on two ranks, as README gives it, in every layout: stopped, gone on with, killed."""

import json
from pathlib import Path
from typing import Any

import pytest

from eigenlm.cli import main
from tests.training.parallel.command_of_two import LAYOUTS, words
from tests.training.tiny_run import bits_of, log_of, write_documents

Seen = tuple[Path, dict[str, Any]]
STOPPED = 143  # 128 + SIGTERM


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The log of one process."""
    folder = tmp_path_factory.mktemp("alone")
    assert main(words(write_documents(folder), folder / "run")) == 0
    log = log_of(folder / "run")
    kinds = {kind for line in log for kind in ("telemetry", "validation", "sample") if kind in line}
    assert kinds == {"telemetry", "validation", "sample"}
    return log


def flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {k: v for key, item in value.items() for k, v in flat(item, f"{path}/{key}").items()}
    return {path: value}


def assert_alike(alone: list[dict[str, Any]], log: list[dict[str, Any]]) -> None:
    assert len(log) == len(alone)
    for mine, theirs in zip(map(flat, alone), map(flat, log), strict=True):
        assert mine.keys() == theirs.keys()
        for path, value in mine.items():
            # A loss near 6 has a float32 spacing of 4.8e-7; of readings, ratios of small differences lose most.
            near = {"abs": 1e-6} if path in ("/loss", "/validation/nll") else {"rel": 1e-4}
            assert theirs[path] == (pytest.approx(value, **near) if isinstance(value, float) else value), path


@pytest.mark.parametrize("run", [*LAYOUTS, "stopped", "changed"])
def test_ranks_write_the_log_of_one_process(two_ranks: Seen, alone: list[dict[str, Any]], run: str) -> None:
    folder, seen = two_ranks
    assert seen["commands"][run][-1] == 0
    assert_alike(alone, log_of(folder / "commands" / run))


def test_one_rank_hears_a_signal_and_all_stop_and_go_on_to_the_bit(two_ranks: Seen) -> None:
    folder, seen = two_ranks
    assert seen["commands"]["stopped"] == [STOPPED, 0]
    assert seen["commands"]["changed"] == [STOPPED, STOPPED, 0]
    assert bits_of(folder / "commands" / "stopped") == bits_of(folder / "commands" / "shards")


def test_a_killed_rank_ends_the_other_with_a_line_and_the_run_goes_on(
    two_ranks: Seen, alone: list[dict[str, Any]]
) -> None:
    folder = two_ranks[0] / "killed"
    end = json.loads((folder / "end.json").read_text())
    assert end["code"] == 2
    assert end["told"] == (
        "eigenlm: rank 0: expected all 2 ranks at work, got one that was killed; the same command goes on from the last"
        " snapshot"
    )
    assert end["seconds"] < 20  # a collective alone would wait for 10 minutes
    # One process takes over; the log of the shards is its own up to there.
    assert main(words(two_ranks[0] / "documents.jsonl", folder)) == 0
    assert_alike(alone, log_of(folder))
