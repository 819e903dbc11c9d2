"""Loops on threads: every part is done once, with OpenMP and without."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from eigenlm.machine.threads import array_at, num_threads, on_threads, this_thread


@on_threads
def count_up(data) -> None:
    sizes = array_at(data[0], 1, np.int64)
    numbers = array_at(data[1], sizes[0], np.int64)
    n = len(numbers)
    for i in range(this_thread() * n // num_threads(), (this_thread() + 1) * n // num_threads()):
        numbers[i] += i


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 3, 1000])
def test_every_part_is_done_once(threads, n) -> None:
    sizes, numbers, before = np.array([n]), np.zeros(n, np.int64), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        count_up(sizes.ctypes.data, numbers.ctypes.data)
    finally:
        torch.set_num_threads(before)
    assert numbers.tolist() == list(range(n))


WITHOUT = """
import ctypes, types
import torch
from eigenlm.linalg.coded_matrix import CodedMatrix
from eigenlm.linalg.coded_product import CodedProduct
ctypes.CDLL = lambda name: types.SimpleNamespace()
W = CodedMatrix(codes=torch.arange(200 * 16).remainder(11).to(torch.int8).view(200, 16), steps=torch.ones(200, 1))
x = torch.arange(16.0)[None]
torch.testing.assert_close(CodedProduct(W)(x, torch.zeros(200)), x @ W.dense().mT)
"""


def test_without_openmp_one_thread_does_all() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
