"""How threads of OpenMP wait for each other; to be said before torch loads, and never against the user."""

import os

# Any of them is the user's own word on it.
_SAID = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
_BUSY = 0.5  # processes that wanted a core, in the mean over the last minute


def wait_asleep_beside_others() -> None:
    """Let threads that wait sleep at once where other processes are at work.

    By default they spin for milliseconds, which beside one busy process takes the cores from whoever has work to do;
    on an idle machine it is what many small products need.
    """
    if os.getloadavg()[0] > _BUSY and not any(name in os.environ for name in _SAID):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
