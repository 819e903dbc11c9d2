"""The ranks at which energy is told."""


def marked_ranks(m: int, n: int) -> list[int]:
    """An eighth, a quarter and a half of the full rank.

    >>> marked_ranks(30, 20)
    [2, 5, 10]
    """
    full = min(m, n)
    return sorted({rank for rank in (full // 8, full // 4, full // 2) if rank > 0})
