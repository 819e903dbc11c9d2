"""The C library's heap: whether memory that is freed is kept for the next step or goes back to the system."""

import ctypes

# Numbers of malloc.h: when free memory at the heap's end goes back to the system, how large a block lies outside of it,
# and how many may.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER = 2**31 - 1
_LARGE = 1 << 20


def keep_freed_memory() -> bool:
    """Keep memory that is freed, instead of giving it back and having it mapped anew, zeroed page by page.

    A training step on a processor frees its activations and allocates them again. With glibc's defaults each time costs
    page faults: 341,000 a step, two fifths of all its time, for a vocabulary of 32,768 at width 256; 20,000 with this.
    The peak does not change. For the whole process, from now on.

    Returns:
        Whether the C library has such a setting (glibc) and took it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_TRIM_THRESHOLD, _NEVER)) and bool(mallopt(_MMAP_MAX, 0))


def keep_large_blocks_apart() -> None:
    """Keep blocks of a megabyte and more out of the heap from now on, and give back what it holds unused.

    By itself glibc takes blocks of up to 32 MB from its heaps once such blocks were freed, and before 2.38 it often
    does not find the room again that an aligned one has left: where matrices come and go between what stays, in several
    threads, a process that needs 2 GB grew to 7. A block apart costs page faults each time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
    give_back_freed_memory()


def give_back_freed_memory() -> None:
    """Give the system back what malloc holds unused, where the C library can do that."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
