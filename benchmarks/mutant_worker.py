"""A process that tries mutants one after another, watched by its maker, with the lines of eigenlm it reaches."""

import contextlib
import faulthandler
import gc
import json
import os
import resource
import select
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from mutant_acts import SOURCE, outcome

from eigenlm.text import deadline

FAULTS = ("traceback", "abort", "hang", "peak", "memory", "message", "noise")
SECONDS, PEAK_MB, ROOM = 10.0, 500.0, 3 << 30


class Coverage:
    """Lines of eigenlm that were reached and had not been before; code all of whose lines were reached runs freely."""

    def __init__(self) -> None:
        self.new: list[str] = []
        self._left: dict[CodeType | int, tuple[CodeType, set[int]]] = {}

    def traced(self, frame: FrameType, event: str, argument: Any) -> Any:
        """For `sys.settrace`."""
        code = frame.f_code
        if not code.co_filename.startswith(SOURCE):
            return None
        if id(code) not in self._left:
            self._left[id(code)] = code, {line for _, _, line in code.co_lines() if line} - {code.co_firstlineno}
        return self._line if self._left[id(code)][1] else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        left = self._left[id(frame.f_code)][1]
        if event == "line" and frame.f_lineno in left:
            left.discard(frame.f_lineno)
            self.new.append(f"{frame.f_code.co_filename.removeprefix(SOURCE + '/')}:{frame.f_lineno}")
        return self._line


def executable_lines(reached: set[str]) -> int:
    """Lines with code in the functions of all files of which a line was reached."""
    count = 0
    for name in {line.rpartition(":")[0] for line in reached}:
        waiting = [compile(Path(SOURCE, name).read_text(encoding="utf-8"), name, "exec")]
        while waiting:
            code = waiting.pop()
            inner = [const for const in code.co_consts if isinstance(const, CodeType)]
            waiting += inner
            if code.co_name != "<module>":
                count += len({line for _, _, line in code.co_lines() if line} - {code.co_firstlineno})
    return count


class Worker:
    """The process, forked anew after one that aborted, hung, or left a thread behind."""

    def __init__(self, kind: str, place: Path) -> None:
        self._kind, self._said = kind, place / "stderr"
        place.mkdir(parents=True, exist_ok=True)
        self._process = 0

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def tried(self, entry: Path, size: int) -> dict[str, Any]:
        """What became of a mutant."""
        if not self._process:
            self._begin()
        self._said.write_bytes(b"")
        os.write(self._to, f"{json.dumps([str(entry), size])}\n".encode())
        answer = self._answer()
        seconds = round(self._slowest, 2)
        if answer is None:
            code = self._end()  # a pipe that closed is an abort
            detail = self._said.read_text(errors="replace")[:1500]
            told = {"outcome": "hang" if self._hung else "abort", "detail": f"exit code {code}: {detail}"}
            return {**told, "lines": [], "peak_mb": 0.0, "seconds": seconds}
        told = json.loads(answer) | {"seconds": seconds}
        said = self._said.read_text(errors="replace")
        if told["outcome"] not in FAULTS and (noise := [s for s in said.splitlines() if not s.startswith("eigenlm: ")]):
            told |= {"outcome": "noise", "detail": " | ".join(noise)[:500]}
        if told["outcome"] not in FAULTS and told["peak_mb"] > PEAK_MB + 2 * size / 1e6:
            told |= {"outcome": "peak", "detail": f"{told['peak_mb']:.0f} MB"}
        if told.pop("leave"):
            self._end()
        return told

    def _answer(self) -> bytes | None:
        """What it says in the end; before that, a point as each act begins."""
        answer, self._hung, self._slowest = b"", False, 0.0
        start, worked = time.monotonic(), self._processor_time()
        while not answer.endswith(b"\n"):
            if not select.select([self._from], [], [], 0.5)[0]:
                self._slowest = max(self._slowest, self._processor_time() - worked)
                # on a machine with other work the time of day is no proof, unless it sleeps
                if self._slowest < SECONDS and time.monotonic() - start < 6 * SECONDS:
                    continue
                self._hung = True
                os.kill(self._process, signal.SIGUSR1)  # tells where it stands
                time.sleep(0.2)
                return None
            if not (part := os.read(self._from, 1 << 16)):
                return None
            now = self._processor_time()
            self._slowest = max(self._slowest, now - worked)
            start, worked = time.monotonic(), now
            answer = (answer + part).lstrip(b".")
        return answer

    def _processor_time(self) -> float:
        times = Path(f"/proc/{self._process}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")

    def _begin(self) -> None:
        reading, self._to = os.pipe()
        self._from, writing = os.pipe()
        if (process := os.fork()) == 0:
            os.close(self._to), os.close(self._from)
            _work(self._kind, reading, writing, self._said)
        os.close(reading), os.close(writing)
        self._process = process

    def _end(self) -> int:
        code = 0
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
            os.close(self._to), os.close(self._from)
        self._process = 0
        return code


def _work(kind: str, reading: int, writing: int, said: Path) -> None:
    """The process itself; it does not return."""
    log = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 2), os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    warnings.simplefilter("ignore")
    warnings.showwarning = lambda *_, **__: None
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, now + ROOM))
    gc.freeze()
    coverage = Coverage()
    plain = deadline._Worker._trace

    def both(self: Any, frame: FrameType, event: str, argument: Any) -> Any:
        return plain(self, frame, event, argument) or coverage.traced(frame, event, argument)

    deadline._Worker._trace = both  # type: ignore[method-assign]
    with os.fdopen(reading) as lines:
        for line in lines:
            path, _ = json.loads(line)
            gc.collect()
            Path("/proc/self/clear_refs").write_text("5")
            before = _status("VmRSS")
            sys.settrace(coverage.traced)
            ended, detail = outcome(kind, Path(path), lambda: os.write(writing, b"."))
            sys.settrace(None)
            told = {"outcome": ended, "detail": detail, "lines": coverage.new}
            told |= {"peak_mb": _status("VmHWM") - before, "leave": threading.active_count() > 1}
            coverage.new = []
            os.write(writing, f"{json.dumps(told)}\n".encode())
    os._exit(0)


def _status(name: str) -> float:
    """A size of this process in MB."""
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0]) * 1024 / 1e6
