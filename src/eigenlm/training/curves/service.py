"""Services that keep curves elsewhere: one run there for each run here, and each point once."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.errors import ConfigError, explain
from eigenlm.files import regular, write_text
from eigenlm.training.curves.kinds import Curves
from eigenlm.training.curves.points import points


@runtime_checkable
class Service(Curves, Protocol):
    """A place that keeps what it was given, and cannot take it back.

    Attributes:
        run: what it calls the run.
        failures: what it raises where it cannot be reached, or refuses.
    """

    run: str
    failures: tuple[type[Exception], ...]


class Once:
    """A service that is shown each point of a run once, however often the run is killed and goes on.

    A run that goes on makes the steps after its snapshot again, and comes to the same numbers. So how many points were
    shown is noted beside the name of the run there, and what the log has beyond them is shown first. A service that
    fails on the way is told of and left alone.

    Args:
        name: of the service.
        begin: begins a run there, or goes on with the one named.
        folder: of the run.
        step: where it stands.

    Raises:
        ConfigError: the service does not take the run.
        OSError: the note cannot be written.
    """

    def __init__(self, name: str, begin: Callable[[str | None], Service], folder: Path, step: int) -> None:
        self._name, self._made, log = name, 0, folder / "log.jsonl"
        path = regular(folder / f"{name}.json", or_new=True)
        noted = read_json_object(path) if path.exists() else {}
        self._service: Service | None = begin(noted.get("run"))
        self._run, self._shown = self._service.run, int(noted.get("points", 0))
        if step and next(points(log), None) is None:  # the log was lost, and counts from here
            self._shown = 0
        write_text(path, self._noted(self._shown))
        self._note = path.open("r+b")
        for at, what in points(log):
            self.text("sample", what, at) if isinstance(what, str) else self.scalars(what, at)

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Show values if they are new."""
        self._add(lambda service: service.scalars(values, step))

    def text(self, name: str, words: str, step: int) -> None:
        """Show a text if it is new."""
        self._add(lambda service: service.text(name, words, step))

    def close(self) -> None:
        """Let the service end."""
        self._tell(lambda service: service.close())
        self._note.close()

    def _add(self, show: Callable[[Service], None]) -> None:
        self._made += 1
        if self._made > self._shown and self._tell(show):
            os.pwrite(self._note.fileno(), self._noted(self._made).encode(), 0)  # at once, and never shorter

    def _tell(self, act: Callable[[Service], None]) -> bool:
        if self._service is None:
            return False
        try:
            act(self._service)
        except self._service.failures as error:
            told = " ".join(str(error).split())
            print(f"eigenlm: {self._name} is shown no more, log.jsonl has all: {told}", file=sys.stderr)
            self._service = None
        return self._service is not None

    def _noted(self, points: int) -> str:
        return json.dumps({"run": self._run, "points": points})


def refused(name: str, error: Exception, do: str) -> ConfigError:
    """What to raise where a service does not take a run."""
    return ConfigError(explain("train.curves", expected=f"{name} to take the run", got=str(error).rstrip("."), do=do))
