"""The ranks at which energy is told."""


def break_even_rank(m: int, n: int) -> int:
    """The largest R at which two factors, R (m + n) numbers, take fewer than m n."""
    return (m * n - 1) // (m + n)


def marked_ranks(m: int, n: int) -> list[int]:
    """An eighth, a quarter and a half of the full rank, and the break-even rank.

    >>> marked_ranks(30, 20)
    [2, 5, 10, 11]
    """
    full = min(m, n)
    return sorted({rank for rank in (full // 8, full // 4, full // 2, break_even_rank(m, n)) if rank > 0})
