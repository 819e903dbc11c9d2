"""Commands of eigenlm in processes of their own: forks of this one, which has torch imported, or whole ones.

A fork calls the function that `python -m eigenlm` calls, with its own streams, and is as real a process to a signal or
a disk; it only saves the seconds that importing torch takes.
"""

import importlib
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from eigenlm.cli import main
from eigenlm.training import loop as training_loop

HERE = Path(__file__).parent
_MOST = 1000  # characters of what a command said that are kept


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended: its exit code, negative for a signal, and what it said."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.code == -signal.SIGKILL

    @property
    def told(self) -> list[str]:
        """What it said on standard error in lines that begin with the program's name."""
        return [line for line in self.err.splitlines() if line.startswith("eigenlm: ")]

    @property
    def fault(self) -> str | None:
        """What is wrong with the way it ended, whatever it was asked for."""
        if "Traceback" in self.err or "Error:" in self.err:
            return f"a traceback, or an error of a library: {self.err[-_MOST:]}"
        if self.code not in (0, 2, -signal.SIGKILL):
            return f"ended with {self.code}"
        return f"refused without its one line: {self.err[-_MOST:]}" if self.code == 2 and not self.told else None


class Process:
    """A command at work."""

    def __init__(self, words: Sequence[str], streams: Path, *, whole: bool = False) -> None:
        """Start it.

        Args:
            words: after the program's name.
            streams: a folder for its standard output and error.
            whole: whether it is `python -m eigenlm` instead of a fork.
        """
        streams.mkdir(exist_ok=True)
        self._out, self._err = streams / "out", streams / "err"
        for stream in (self._out, self._err):
            stream.write_bytes(b"")  # a process that is killed at once says nothing, and not what another one said
        self._begun, self._code = time.monotonic(), None
        self._child: subprocess.Popen[bytes] | None = None
        if whole:
            environment = os.environ | {"PYTHONPATH": f"{HERE}:{HERE.parent / 'src'}", "OMP_NUM_THREADS": "1"}
            command = [sys.executable, "-m", "eigenlm", *words]
            with self._out.open("wb") as out, self._err.open("wb") as err:
                self._child = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
            self._id = self._child.pid
        else:
            self._id = _forked(words, self._out, self._err)

    def code(self) -> int | None:
        """Its exit code, None while it is at work."""
        if self._code is None:
            if self._child is not None:
                self._code = self._child.poll()
            elif (found := os.waitpid(self._id, os.WNOHANG))[0]:
                self._code = os.waitstatus_to_exitcode(found[1])
        return self._code

    def kill(self) -> None:
        """Send SIGKILL."""
        os.kill(self._id, signal.SIGKILL)

    def ended(self) -> Ended:
        """Wait for the end."""
        while (code := self.code()) is None:
            time.sleep(0.001)
        seconds = time.monotonic() - self._begun
        texts = (path.read_text(errors="replace") for path in (self._out, self._err))
        return Ended(code=code, out=next(texts), err=next(texts), seconds=seconds)


def _forked(words: Sequence[str], out: Path, err: Path) -> int:
    if (process := os.fork()) != 0:
        return process
    code = 1
    try:
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), number)
        training_loop.product_rate = lambda *_: 1.0  # type: ignore[assignment]  # it only takes time here
        sys.argv = ["eigenlm", *words]
        code = main(words)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def warm(words: Sequence[str], streams: Path) -> None:
    """Load here what a command loads while it works, so that forks find it: half a second of training is imports."""
    listed = streams / "modules"
    if (process := os.fork()) == 0:
        with suppress(SystemExit):
            main(words)
        listed.write_text("\n".join(sys.modules))
        os._exit(0)
    os.waitpid(process, 0)
    for name in listed.read_text().split("\n"):
        if name.startswith(("torch.", "tensorboard.")) and name not in sys.modules:
            with suppress(Exception, SystemExit):
                importlib.import_module(name)


def run(words: Sequence[str], streams: Path, *, whole: bool = False) -> Ended:
    """A command from its beginning to its end."""
    return Process(words, streams, whole=whole).ended()


def killed(words: Sequence[str], streams: Path, when: Callable[[float], bool], *, whole: bool = False) -> Ended:
    """A command that is killed as soon as `when`, given the seconds since its start, says so; or was through before."""
    process, start = Process(words, streams, whole=whole), time.monotonic()
    while process.code() is None and not when(time.monotonic() - start):
        time.sleep(0.0002)
    if process.code() is None:
        process.kill()
    return process.ended()
