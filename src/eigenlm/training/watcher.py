"""Who looks on while a model is trained."""

from pathlib import Path

from eigenlm.training.evaluation import Evaluation
from eigenlm.training.telemetry.alarms import Alarm
from eigenlm.training.training import Step, Training


class Watcher:
    """Told of everything that happens in a run; this one looks away, and others say what they do with it."""

    def began(self, training: Training, folder: Path, resumed: bool, peak_flops: float) -> None:
        """A run begins or goes on; `peak_flops` is the measured rate of its products, operations a second."""

    def stepped(self, step: Step, seconds: float, tokens_per_second: float, mfu: float) -> None:
        """An optimizer step was made (or its batch passed over)."""

    def alarmed(self, step: int, alarm: Alarm) -> None:
        """Something is wrong."""

    def went_back(self, step: int, to: int, batches: range) -> None:
        """The run went back to a snapshot, and will pass over some batches."""

    def evaluated(self, evaluation: Evaluation, is_best: bool) -> None:
        """The model was scored on validation text."""

    def sampled(self, step: int, text: str) -> None:
        """The model wrote something."""

    def saved(self, path: Path) -> None:
        """A snapshot is on the disk."""
