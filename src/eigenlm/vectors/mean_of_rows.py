"""The mean of several rows as what foretells, and what it learns given to each of them."""

import numpy as np
from jaxtyping import Float32, Int32

from eigenlm.machine.compiled import compiled


@compiled
def mean_of_rows(W: Float32[np.ndarray, "V D"], rows: Int32[np.ndarray, " n"], h: Float32[np.ndarray, " D"]) -> None:
    """h = the mean of w_i over some rows i."""
    share = np.float32(1) / np.float32(len(rows))
    for d in range(len(h)):
        h[d] = 0
    for row in rows:
        for d in range(len(h)):
            h[d] += W[row, d]
    for d in range(len(h)):
        h[d] *= share


@compiled
def move_rows(W: Float32[np.ndarray, "V D"], rows: Int32[np.ndarray, " n"], move: Float32[np.ndarray, " D"]) -> None:
    """w_i += move for each of them, which moves their mean as far."""
    for row in rows:
        for d in range(len(move)):
            W[row, d] += move[d]
