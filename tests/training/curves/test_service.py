"""A service that keeps what it is given is given each point once."""

import json
from pathlib import Path

import pytest

from eigenlm.training.curves.service import Once


class Notebook:
    """A service that notes what it is shown, and may be out of reach."""

    failures: tuple[type[Exception], ...] = (ConnectionError,)

    def __init__(self, run: str | None) -> None:
        self.run, self.seen, self.reachable = run or "a-name", [], True

    def scalars(self, values: dict[str, float], step: int) -> None:
        if not self.reachable:
            raise ConnectionError("no route\nto host")
        self.seen.append((step, values["train/loss"]))

    def text(self, name: str, words: str, step: int) -> None:
        self.seen.append((step, words))

    def close(self) -> None:
        self.seen.append("closed")


class Opener:
    """Begins services, and knows them all."""

    def __init__(self) -> None:
        self.all: list[Notebook] = []

    def __call__(self, run: str | None) -> Notebook:
        self.all.append(Notebook(run))
        return self.all[-1]


def write_log(folder: Path, steps: int) -> None:
    lines = [{"step": i, "loss": i / 2, "gradient_norm": 1.0, "learning_rate": 0.1} for i in range(steps)]
    lines.insert(1, {"step": 0, "event": "back"})
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def show(once: Once, steps: range) -> None:
    for i in steps:
        once.scalars({"train/loss": i / 2}, i)


def test_a_killed_run_goes_on_as_the_same_run(tmp_path: Path) -> None:
    opener = Opener()
    (tmp_path / "log.jsonl").touch()
    show(Once("notebook", opener, tmp_path, 0), range(5))  # and is killed
    write_log(tmp_path, 3)
    once = Once("notebook", opener, tmp_path, 3)
    show(once, range(3, 7))
    once.close()
    first, second = opener.all
    assert second.run == first.run == "a-name"
    assert first.seen == [(i, i / 2) for i in range(5)]
    assert second.seen == [(5, 2.5), (6, 3.0), "closed"]


def test_a_service_asked_for_later_is_shown_the_log(tmp_path: Path) -> None:
    opener = Opener()
    write_log(tmp_path, 3)
    show(Once("notebook", opener, tmp_path, 3), range(3, 4))
    assert opener.all[0].seen == [(i, i / 2) for i in range(4)]


def test_a_service_out_of_reach_is_told_once_and_catches_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opener = Opener()
    (tmp_path / "log.jsonl").touch()
    once = Once("notebook", opener, tmp_path, 0)
    show(once, range(2))
    opener.all[0].reachable = False
    show(once, range(2, 4))
    once.close()
    told = "eigenlm: notebook is shown no more, log.jsonl has all: no route to host\n"
    assert capsys.readouterr().err == told
    write_log(tmp_path, 4)
    Once("notebook", opener, tmp_path, 4)
    assert opener.all[1].seen == [(2, 1.0), (3, 1.5)]


def test_a_lost_log_counts_from_where_the_run_stands(tmp_path: Path) -> None:
    opener = Opener()
    (tmp_path / "log.jsonl").touch()
    show(Once("notebook", opener, tmp_path, 0), range(4))
    once = Once("notebook", opener, tmp_path, 4)
    show(once, range(4, 6))
    assert opener.all[1].seen == [(4, 2.0), (5, 2.5)]
    assert json.loads((tmp_path / "notebook.json").read_text()) == {"run": "a-name", "points": 2}
