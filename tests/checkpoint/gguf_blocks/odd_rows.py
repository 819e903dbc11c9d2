"""Rows that every type of GGUF has to hold: of usual numbers, and of what makes a search for steps go astray."""

import random

import numpy as np
from jaxtyping import Float32

WIDTH = 512


def odd_rows() -> Float32[np.ndarray, "12 512"]:
    """The same numbers on every machine: sums of four uniform ones, as Python draws them."""
    draw = random.Random(7)
    rows = np.array([[sum(draw.random() for _ in range(4)) - 2 for _ in range(WIDTH)] for _ in range(12)])
    rows[1] = 0
    rows[2, :256] = 0
    rows[3, 16:48] = 0
    rows[4] = np.abs(rows[4])
    rows[5] = -np.abs(rows[5])
    rows[6] = 0.3
    rows[7] = -0.3
    rows[8] *= 1e-6
    rows[9] *= 1e4
    rows[10] **= 5
    rows[11] = np.round(rows[11] * 7) / 8
    return rows.astype(np.float32)


def importance() -> Float32[np.ndarray, " 512"]:
    """Mean squares of the inputs, one of them 0."""
    draw = random.Random(8)
    found = np.array([draw.random() ** 3 for _ in range(WIDTH)], np.float32)
    found[7] = 0
    return found
