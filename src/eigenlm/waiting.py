"""How threads of OpenMP wait for each other; to be said before torch loads, and never against the user."""

import os
import time
from pathlib import Path

# Any of them is the user's own word on it.
_SAID = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
_LOOKS, _APART = 5, 0.001  # how often it is looked who wants a core, and seconds between


def wait_asleep_beside_others() -> None:
    """Let threads that wait sleep at once where other processes want half of the cores or more.

    By default they spin for milliseconds, which beside one busy process takes the cores from whoever has work to do;
    on an idle machine it is what many small products need. Linux tells how many want a core; elsewhere nothing is set.
    """
    if not any(name in os.environ for name in _SAID) and 2 * wanted_by_others() >= (os.cpu_count() or 1):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def wanted_by_others() -> int:
    """Threads of other processes that are at work or wait for a core, the fewest of some looks; 0 where unknown."""
    counts = []
    for _ in range(_LOOKS):
        try:
            at_work, _, _ = Path("/proc/loadavg").read_text().split()[3].partition("/")
        except OSError:
            return 0
        counts.append(int(at_work) - 1)  # without this one
        time.sleep(_APART)
    return min(counts)
