"""What a run writes down: `log.jsonl`, the same bytes whatever happened on the way; `timing.jsonl`; curves of both."""

import json
import math
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

from eigenlm.errors import DataError, explain
from eigenlm.files import regular
from eigenlm.training.curves import open_curves
from eigenlm.training.curves.points import CLOCK, values_of
from eigenlm.training.evaluation import Evaluation
from eigenlm.training.training import Step


class Journal:
    """The logs of a run; of several ranks the first alone keeps it.

    A line of `log.jsonl` holds what depends on the recipe, the data and the seed: losses, norms, readings, alarms. What
    depends on the clock is in `timing.jsonl`. A resumed run cuts the first back to its snapshot and writes it on.
    """

    def __init__(
        self,
        folder: Path,
        log_bytes: int,
        step: int,
        log_sha256: str | None = None,
        curves: Sequence[str] = ("tensorboard",),
    ) -> None:
        """Open the logs of a run.

        Args:
            folder: of the run.
            log_bytes: length of `log.jsonl` where the run stands.
            step: at which step it stands; what curves showed beyond is hidden or taken back.
            log_sha256: of `log.jsonl` up to there; None does not ask.
            curves: where curves go, as in `train.curves`.

        Raises:
            DataError: `log.jsonl` was cut or edited.
            ConfigError: a service does not take the run.
        """
        path = regular(folder / "log.jsonl", or_new=True)
        is_gone = not path.exists()
        path.touch()
        self._digest = sha256(path.read_bytes()[:log_bytes])
        if not is_gone and log_sha256 not in (None, self._digest.hexdigest()):
            do = "restore it, or move it away to go on with a new one"
            raise DataError(explain(f"going on with {path}", expected="the log as written", got="another", do=do))
        os.truncate(path, min(log_bytes, path.stat().st_size))
        self._log = path.open("a", encoding="utf-8")
        self._timing = _mended(regular(folder / "timing.jsonl", or_new=True)).open("a", encoding="utf-8")
        self._curves = [open_curves(name, folder, step) for name in dict.fromkeys(curves)]
        if is_gone and log_bytes:
            print(f"eigenlm: {path} is gone; a new one begins at step {step}", file=sys.stderr)
            self.event(step, "the log up to here is gone")

    def __enter__(self) -> "Journal":
        """The journal itself."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the logs."""
        with closing(self._timing), closing(self._log), ExitStack() as stack:
            for curves in self._curves:
                stack.callback(curves.close)

    def step(self, step: Step, *, seconds: float, tokens_per_second: float, mfu: float) -> None:
        """Note a step and how long it took."""
        line: dict[str, Any] = {"step": step.step, "batch": step.batch, "loss": step.loss}
        line |= {"gradient_norm": step.gradient_norm, "learning_rate": step.learning_rate, "taken": step.taken}
        line |= {"alarms": [asdict(alarm) for alarm in step.alarms]} if step.alarms else {}
        line |= {"telemetry": asdict(step.reading)} if step.reading is not None else {}
        self._write(self._log, line)
        timing = {"seconds": round(seconds, 6), "tokens_per_second": round(tokens_per_second, 1), "mfu": round(mfu, 4)}
        self._write(self._timing, {"step": step.step, **timing})
        self._show(values_of(line) | {CLOCK + name: value for name, value in timing.items()}, step.step)

    def evaluation(self, evaluation: Evaluation) -> None:
        """Note a score on validation text."""
        line = {"step": evaluation.step, "validation": {k: v for k, v in vars(evaluation).items() if k != "step"}}
        self._write(self._log, line)
        self._show(values_of(line), evaluation.step)

    def sample(self, step: int, text: str) -> None:
        """Note what the model wrote."""
        self._write(self._log, {"step": step, "sample": text})
        for curves in self._curves:
            curves.text("sample", text, step)

    def event(self, step: int, what: str) -> None:
        """Note something that happened, such as going back to a snapshot."""
        self._write(self._log, {"step": step, "event": what})

    @property
    def sha256(self) -> str:
        """Of `log.jsonl` as it is."""
        return self._digest.hexdigest()

    def settled(self) -> int:
        """Bring what was noted onto the disk; the length of `log.jsonl` then."""
        self._log.flush()
        os.fsync(self._log.fileno())
        self._timing.flush()
        return os.fstat(self._log.fileno()).st_size

    def _write(self, file: Any, line: dict[str, Any]) -> None:
        text = json.dumps(_finite(line), allow_nan=False) + "\n"
        file.write(text)
        if file is self._log:
            self._digest.update(text.encode())

    def _show(self, values: dict[str, float], step: int) -> None:
        for curves in self._curves:
            curves.scalars(values, step)


def _mended(path: Path) -> Path:
    """The file without the last line, if a killed process did not end it."""
    if path.exists():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
    return path


def _finite(value: Any) -> Any:
    """Numbers that JSON lacks as their names."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
