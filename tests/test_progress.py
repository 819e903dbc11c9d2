"""Progress where nobody watches: lines now and then, each wait longer than the one before."""

import time
from collections.abc import Iterator

import pytest

from eigenlm import progress
from eigenlm.cli.boundary import hushed


def slowly(clock: list[float], seconds: list[float]) -> Iterator[int]:
    for i, step in enumerate(seconds):
        yield i
        clock[0] += step


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("eigenlm.progress.time.monotonic", lambda: now[0])
    return now


def test_lines_now_and_then(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.track(slowly(clock, [1.0] * 60), "measuring", total=60)) == list(range(60))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "measuring: 2 of 60, 1.0/s, 0:00:58 left",
        "measuring: 12 of 60, 1.0/s, 0:00:48 left",
        "measuring: 27 of 60, 1.0/s, 0:00:33 left",
        "measuring: 50 of 60, 1.0/s, 0:00:10 left",
    ]


def test_what_is_short_or_quiet_says_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    list(progress.track(slowly(clock, [0.5] * 4), "measuring"))
    with hushed(True):
        list(progress.track(slowly(clock, [5.0] * 4), "measuring"))
    assert capsys.readouterr() == ("", "")


def test_a_total_that_is_reckoned_anew(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    totals = iter([None, 8])
    list(progress.track(slowly(clock, [4.0, 4.0, 8.0, 0.0]), "reading", total=lambda: next(totals)))
    assert capsys.readouterr().err.splitlines() == ["reading: 1, 0.2/s", "reading: 3 of 8, 0.2/s, 0:00:27 left"]


def test_an_act_of_one_piece_says_how_long_it_takes(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("eigenlm.progress._FIRST", 0.0)
    with progress.waiting("learning"):
        time.sleep(0.7)
    assert capsys.readouterr().err in ("learning: 0:00:00 so far\n", "learning: 0:00:01 so far\n")
