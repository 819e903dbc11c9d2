"""One act in two checkouts, whose processes stay and act by turns: what else the machine does, it does to both."""

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from record import spread
from scipy.stats import binom

PEAK = """
def peak():
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024
"""
ACTOR = (
    PEAK
    + """
import os, sys, time
told, sys.stdout = sys.stdout, open(os.devnull, "w")
exec(sys.argv[1])
for _ in sys.stdin:
    start = time.perf_counter()
    act()
    print(time.perf_counter() - start, peak(), file=told, flush=True)
"""
)


def environment(checkout: Path) -> dict[str, str]:
    """Of a process that imports that checkout, with two threads, no network, and byte code kept as a user's is."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**own, "PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1"}


def by_turns(source: str, before: Path, now: Path, pairs: int) -> dict[str, Any]:
    """The act of a program that defines `act()`, once in each process as a beginning and then by turns.

    Returns:
        Acts a second of both, and the ratio: its median over the pairs with an interval of 95 % (of order statistics);
        above 1, this checkout is faster.
    """
    with ExitStack() as stack:
        sides = [stack.enter_context(_Actor(source, checkout)) for checkout in (before, now)]
        for side in sides:
            side.act()
        turns = [side for pair in range(pairs) for side in (sides if pair % 2 else sides[::-1])]
        for side in turns:
            side.act()
        then, mine = ([seconds for seconds, _ in side.told[1:]] for side in sides)
        peaks = {name: side.told[-1][1] for name, side in zip(("before", "now"), sides)}
    ratios = sorted(one / other for one, other in zip(then, mine, strict=True))
    least = int(binom.ppf(0.025, pairs, 0.5))
    ratio = {"median": statistics.median(ratios), "low": ratios[least], "high": ratios[-1 - least], "count": pairs}
    return {"before": _rates(then), "now": _rates(mine), "ratio": ratio, "peak_mib": peaks}


def _rates(seconds: Sequence[float]) -> dict[str, float]:
    return spread([1 / one for one in seconds])


class _Actor:
    """A process that acts when it is told to; `told` is seconds and peak memory in MiB, act by act."""

    def __init__(self, source: str, checkout: Path) -> None:
        self.told: list[tuple[float, float]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-c", ACTOR, source],
            env=environment(checkout),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def act(self) -> None:
        self._process.stdin.write("act\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process ended"
        seconds, peak = map(float, line.split())
        self.told.append((seconds, peak))

    def __enter__(self) -> "_Actor":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()
