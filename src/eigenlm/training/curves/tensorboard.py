"""Curves for TensorBoard, in its own format of events, written where they are made: a full disk is told at once."""

import os
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import scalar, text

_FLUSHED_EVERY = 5.0  # seconds, at most, until a curve is seen


class Board:
    """A file of events, which TensorBoard reads while it grows.

    torch's SummaryWriter hands events to a thread, whose errors are printed there and can leave the writer waiting.
    """

    def __init__(self, folder: Path, step: int) -> None:
        """Begin a file.

        Args:
            folder: of TensorBoard; made if missing.
            step: what former files show beyond it is hidden.

        Raises:
            OSError: it cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns() // 10**9:010d}.{time.time_ns() % 10**9:09d}.{os.getpid()}"
        self._file = (folder / name).open("xb")
        self._records, self._flushed = RecordWriter(self._file), 0.0
        self._write(Event(file_version="brain.Event:2", step=step))
        self._write(Event(session_log=SessionLog(status=SessionLog.START), step=step))

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Add a point to each of some curves."""
        for name, value in values.items():
            self._write(Event(summary=scalar(name, value), step=step))

    def text(self, name: str, words: str, step: int) -> None:
        """Add a text."""
        self._write(Event(summary=text(name, words), step=step))

    def close(self) -> None:
        """Write what is left and close the file."""
        self._file.close()

    def _write(self, event: Event) -> None:
        event.wall_time = now = time.time()
        self._records.write(event.SerializeToString())
        if now - self._flushed > _FLUSHED_EVERY:
            self._file.flush()
            self._flushed = now


def opened(folder: Path, step: int) -> Board:
    """A file of events in a run's folder."""
    return Board(folder / "tensorboard", step)
