"""The mean of several rows as what foretells, and what it learns given back to each of them."""

import numpy as np
from jaxtyping import Float32, Int32

from eigenlm.vectors.compiled import compiled


@compiled
def mean_of_rows(W: Float32[np.ndarray, "V D"], rows: Int32[np.ndarray, " n"], h: Float32[np.ndarray, "2 D"]) -> None:
    """h_0 = h_1 = the mean of w_i over some rows i."""
    D, first, share = W.shape[1], rows[0], np.float32(1) / np.float32(len(rows))
    for d in range(D):
        h[0, d] = W[first, d]
    for row in rows[1:]:
        for d in range(D):
            h[0, d] += W[row, d]
    for d in range(D):
        h[0, d] *= share
        h[1, d] = h[0, d]


@compiled
def move_rows(W: Float32[np.ndarray, "V D"], rows: Int32[np.ndarray, " n"], h: Float32[np.ndarray, "2 D"]) -> None:
    """w_i += h_0 - h_1 for each of them, which moves their mean as far as h_0 has moved."""
    for d in range(W.shape[1]):
        h[1, d] = h[0, d] - h[1, d]
    for row in rows:
        for d in range(W.shape[1]):
            W[row, d] += h[1, d]
