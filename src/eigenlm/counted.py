"""Numbers of things in words."""


def counted(count: int, noun: str, many: str = "") -> str:
    """So many of something, in the singular for one.

    >>> counted(1, "layer"), counted(12_000, "layer"), counted(2, "matrix", "matrices")
    ('1 layer', '12,000 layers', '2 matrices')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"
