"""Freed memory is kept, seen in the page faults of a process of its own."""

import subprocess
import sys

import pytest

COUNT = """
import resource
import torch
import eigenlm.training  # as a run does: what it leaves in the heap decides where blocks lie
from eigenlm.machine.heap import keep_freed_memory

took = keep_freed_memory() if {keep} else True

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24).sum()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

# Where a block lies is settled after one or two.
print(took, [faults() for _ in range(4)][-1])
"""


def test_freed_memory_is_not_faulted_in_again() -> None:
    def run(keep: bool) -> list[str]:
        code = COUNT.format(keep=keep)
        return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    (took, few), (_, many) = run(True), run(False)
    if took == "False":
        pytest.skip("the C library has no mallopt")
    # 64 MiB are 32 huge pages, or 16,384 small ones; a block that is still there costs next to none.
    assert int(few) < int(many) / 4
