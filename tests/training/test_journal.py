import json
import math
import resource
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from eigenlm.training.curves import tensorboard
from eigenlm.training.evaluation import Evaluation
from eigenlm.training.journal import Journal
from eigenlm.training.training import Step


def step(number: int, loss: float = 1.5) -> Step:
    return Step(
        step=number,
        batch=number,
        loss=loss,
        gradient_norm=0.25,
        learning_rate=1e-3,
        num_tokens=96,
        taken=math.isfinite(loss),
        reading=None,
        alarms=[],
    )


def write(folder: Path, log_bytes: int, first: int, steps: list[Step]) -> int:
    with Journal(folder, log_bytes, first) as journal:
        for one in steps:
            journal.step(one, seconds=0.5, tokens_per_second=192.0, mfu=0.1)
        return journal.settled()


def steps_in(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_the_log_is_cut_back_to_where_the_run_stands(tmp_path: Path) -> None:
    there = write(tmp_path, 0, 0, [step(0), step(1)])
    whole = write(tmp_path, there, 2, [step(2), step(3), step(4)])
    before = (tmp_path / "log.jsonl").read_bytes()
    assert whole == len(before)
    assert write(tmp_path, there, 2, [step(2), step(3), step(4)]) == whole
    assert (tmp_path / "log.jsonl").read_bytes() == before
    # What depends on the clock is not taken back.
    assert steps_in(tmp_path / "timing.jsonl") == [0, 1, 2, 3, 4, 2, 3, 4]


def test_a_run_from_the_beginning_starts_the_log_anew(tmp_path: Path) -> None:
    write(tmp_path, 0, 0, [step(0), step(1)])
    write(tmp_path, 0, 0, [step(0)])
    assert steps_in(tmp_path / "log.jsonl") == [0]


def test_half_a_line_of_a_killed_process_is_taken_away(tmp_path: Path) -> None:
    there = write(tmp_path, 0, 0, [step(0)])
    for name in ("log.jsonl", "timing.jsonl"):
        with (tmp_path / name).open("a") as file:
            file.write('{"step": 1, "los')
    write(tmp_path, there, 1, [step(1)])
    assert steps_in(tmp_path / "log.jsonl") == [0, 1]
    assert steps_in(tmp_path / "timing.jsonl") == [0, 1]


def test_the_log_holds_nothing_that_depends_on_the_clock(tmp_path: Path) -> None:
    write(tmp_path, 0, 0, [step(0)])
    line = json.loads((tmp_path / "log.jsonl").read_text())
    expected = {"step": 0, "batch": 0, "loss": 1.5, "gradient_norm": 0.25, "learning_rate": 1e-3, "taken": True}
    assert line == expected
    timing = json.loads((tmp_path / "timing.jsonl").read_text())
    assert timing == {"step": 0, "seconds": 0.5, "tokens_per_second": 192.0, "mfu": 0.1}


@pytest.mark.parametrize(("loss", "word"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")])
def test_numbers_that_json_lacks_are_words(tmp_path: Path, loss: float, word: str) -> None:
    write(tmp_path, 0, 0, [step(0, loss)])

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    line = json.loads((tmp_path / "log.jsonl").read_text(), parse_constant=refuse)
    assert line["loss"] == word


def test_scores_samples_and_events(tmp_path: Path) -> None:
    with Journal(tmp_path, 0, 0) as journal:
        journal.evaluation(Evaluation(step=3, nll=2.0, bits_per_byte=None, num_targets=7))
        journal.sample(3, "Überall\n")
        journal.event(4, "back")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 3, "validation": {"nll": 2.0, "bits_per_byte": None, "num_targets": 7}},
        {"step": 3, "sample": "Überall\n"},
        {"step": 4, "event": "back"},
    ]


def test_tensorboard_shows_each_step_once_after_a_resume(tmp_path: Path) -> None:
    there = write(tmp_path, 0, 0, [step(0, 3.0)])
    write(tmp_path, there, 1, [step(1, 2.5), step(2, 2.0)])
    write(tmp_path, there, 1, [step(1, 2.5)])
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    shown = [(event.step, event.value) for event in board.Scalars("train/loss")]
    assert shown == [(0, 3.0), (1, 2.5)]


def test_a_full_disk_is_told_where_the_curves_are_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorboard, "_FLUSHED_EVERY", 0.0)
    journal = Journal(tmp_path, 0, 0)
    journal.step(step(0), seconds=0.5, tokens_per_second=192.0, mfu=0.1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    there = max(path.stat().st_size for path in (tmp_path / "tensorboard").iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (there + 10, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            journal.step(step(1), seconds=0.5, tokens_per_second=192.0, mfu=0.1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    journal.__exit__()
    assert capfd.readouterr().err == ""
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2
