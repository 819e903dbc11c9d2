"""How threads of OpenMP wait for each other; to be said before torch loads, and never against the user."""

import os

# Any of them is the user's own word on it.
_SAID = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def wait_asleep() -> None:
    """Let threads that wait sleep at once.

    By default they spin for milliseconds, which beside one busy process takes the cores from whoever has work to do.
    """
    if not any(name in os.environ for name in _SAID):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
