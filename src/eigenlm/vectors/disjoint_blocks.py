"""Steps on pairs (i, j), several at once and yet as if one by one: pairs whose rows and columns nobody else has.

Rows and columns are dealt out to P parts, which makes P^2 blocks of pairs; blocks (p, p + r mod P) share neither a row
nor a column, so that for each r they are worked through at the same time (Gemulla and others 2011, DSGD). The outcome
is that of one order of all pairs, the same for any number of threads.
"""

from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np
from jaxtyping import Int32, Int64

from eigenlm.vectors.compiled import compiled

_PARTS = 4


@compiled
def by_block(
    rows: Int32[np.ndarray, " n"], columns: Int32[np.ndarray, " n"]
) -> tuple[Int32[np.ndarray, " n"], Int64[np.ndarray, " ends"]]:
    """The order in which pairs lie block by block, as they came within each, and where blocks start and end."""
    ends = np.zeros(_PARTS * _PARTS + 1, np.int64)
    for k in range(len(rows)):
        ends[1 + rows[k] % _PARTS * _PARTS + columns[k] % _PARTS] += 1
    ends = np.cumsum(ends)
    place, order = ends.copy(), np.empty(len(rows), np.int32)
    for k in range(len(rows)):
        block = rows[k] % _PARTS * _PARTS + columns[k] % _PARTS
        order[place[block]] = k
        place[block] += 1
    return order, ends


@compiled
def dealt(
    rows: Int32[np.ndarray, " n"], columns: Int32[np.ndarray, " n"]
) -> tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, " n"], Int64[np.ndarray, " ends"]]:
    """Pairs block by block, as they came within each, and where blocks start and end; columns may be written as ~j."""
    ends = np.zeros(_PARTS * _PARTS + 1, np.int64)
    for k in range(len(rows)):
        column = columns[k] if columns[k] >= 0 else ~columns[k]
        ends[1 + rows[k] % _PARTS * _PARTS + column % _PARTS] += 1
    ends = np.cumsum(ends)
    place, i, j = ends.copy(), np.empty(len(rows), np.int32), np.empty(len(rows), np.int32)
    for k in range(len(rows)):
        column = columns[k] if columns[k] >= 0 else ~columns[k]
        block = rows[k] % _PARTS * _PARTS + column % _PARTS
        i[place[block]], j[place[block]] = rows[k], columns[k]
        place[block] += 1
    return i, j, ends


def in_rounds(pool: Executor, ends: Int64[np.ndarray, " ends"], act: Callable[[slice], float]) -> float:
    """The sum of what an act gives over all blocks."""
    total = 0.0
    for shift in range(_PARTS):
        blocks = [part * _PARTS + (part + shift) % _PARTS for part in range(_PARTS)]
        total += sum(pool.map(act, [slice(ends[block], ends[block + 1]) for block in blocks]))
    return total
