"""What becomes of freed memory, seen in page faults and in what a process holds."""

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


HOLES = """
import psutil
from eigenlm.machine.heap import keep_large_blocks_apart

if {apart}:
    keep_large_blocks_apart()
bytearray(30 << 20)  # freed at once: glibc takes blocks of this size from its heap from here on
between = [(bytearray(8 << 20), bytearray(1000)) for _ in range(16)]
stays = [small for _, small in between]
before = psutil.Process().memory_info().rss
del between
print(before - psutil.Process().memory_info().rss)
"""


def test_large_blocks_leave_no_holes_between_what_stays() -> None:
    def given_back(apart: bool) -> int:
        code = HOLES.format(apart=apart)
        return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)

    if given_back(False) > 0.5 * (16 * 8 << 20):
        pytest.skip("this C library gives holes back by itself")
    assert given_back(True) > 0.9 * (16 * 8 << 20)
