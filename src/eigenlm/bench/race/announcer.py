"""How far a race is, on standard error: a bar on a terminal, a line for each run elsewhere."""

import time

from rich.progress import BarColumn, Progress, TextColumn

from eigenlm.bench.race.plan import Run
from eigenlm.bench.race.runs import RunResult
from eigenlm.terminal import Terminal


class Announcer:
    """Tells of each run, and how long the rest may take at most at the pace so far."""

    def __init__(self, planned_steps: int) -> None:
        """Announce a race of so many optimizer steps."""
        self._console = Terminal(stderr=True, highlight=False)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:.0f} %"),
            TextColumn("{task.fields[left]}"),
        )
        self._progress = Progress(
            *columns, console=self._console, disable=not self._console.is_terminal, transient=True
        )
        self._task = self._progress.add_task("", total=planned_steps, left="")
        self._planned, self._done, self._made, self._spent = planned_steps, 0, 0, 0.0
        self._run_start, self._run_done = time.monotonic(), 0

    def __enter__(self) -> "Announcer":
        """Start showing."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing."""
        self._progress.stop()

    def begin(self, run: Run) -> None:
        """A run begins, or is looked up."""
        self._run_start, self._run_done = time.monotonic(), 0
        self._progress.update(self._task, description=_words(run))

    def stepped(self) -> None:
        """A step was made."""
        self._run_done += 1
        left = self._left(self._run_done, time.monotonic() - self._run_start)
        self._progress.update(self._task, completed=self._done + self._run_done, left=left)

    def end(self, result: RunResult) -> None:
        """A run is done."""
        self._done += result.run.steps
        if self._run_done:
            self._made, self._spent = self._made + self._run_done, self._spent + time.monotonic() - self._run_start
        score = "diverged" if result.diverged else f"loss {result.nll:.4f}"
        cost = f"{1e3 * result.step_seconds:,.1f} ms a step" if self._run_done else "done before"
        self._run_done = 0
        line = f"{_words(result.run)}: {score}, {cost}"
        self._progress.console.print(", ".join(filter(None, (line, self._left(0, 0.0)))), soft_wrap=True)

    def _left(self, steps: int, seconds: float) -> str:
        made, spent = self._made + steps, self._spent + seconds
        left = max(0, self._planned - self._done - steps)
        return f"at most {left * spent / made / 60:.0f} min left" if made else ""


def _words(run: Run) -> str:
    return f"{run.optimizer}, rate {run.learning_rate:.3g}, {run.steps:,} steps, seed {run.seed}"
