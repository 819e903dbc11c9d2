"""Steps on pairs (i, j), several at once and yet as if one by one: pairs whose rows and columns nobody else has.

Rows and columns are dealt out to P parts, which makes P^2 blocks of pairs; blocks (p, p + r mod P) share neither a row
nor a column, so that for each r they are worked through at the same time (Gemulla and others 2011, DSGD). The outcome
is that of one order of all pairs, the same for any number of threads.
"""

from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np
from jaxtyping import Int32, Int64

from eigenlm.machine.compiled import compiled

_PARTS = 4


@compiled
def dealt(pairs: Int32[np.ndarray, "n k"]) -> tuple[Int32[np.ndarray, "n k"], Int64[np.ndarray, " ends"]]:
    """Pairs block by block, as they came within each, and where blocks start and end.

    Args:
        pairs: a row, a column j or ~j, and what else belongs to the pair.
    """
    block, ends = np.empty(len(pairs), np.uint8), np.zeros(_PARTS * _PARTS + 1, np.int64)
    for n in range(len(pairs)):
        column = max(pairs[n, 1], ~pairs[n, 1])
        block[n] = pairs[n, 0] % _PARTS * _PARTS + column % _PARTS
        ends[block[n] + 1] += 1
    ends = np.cumsum(ends)
    place, found = ends.copy(), np.empty_like(pairs)
    for n in range(len(pairs)):
        for k in range(pairs.shape[1]):
            found[place[block[n]], k] = pairs[n, k]
        place[block[n]] += 1
    return found, ends


def in_rounds(pool: Executor, ends: Int64[np.ndarray, " ends"], act: Callable[[slice], float]) -> float:
    """The sum of what an act gives over all blocks."""
    total = 0.0
    for shift in range(_PARTS):
        blocks = [part * _PARTS + (part + shift) % _PARTS for part in range(_PARTS)]
        total += sum(pool.map(act, [slice(ends[block], ends[block + 1]) for block in blocks]))
    return total
