"""One sentence about a model that a reader should see."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_FINDINGS = 5
"""How many are told at first: the rest on the page, and where every one is asked for."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found, and where to see it.

    Attributes:
        heading: a few words.
        text: one or two sentences, with the figures that are the evidence.
        weight: how much it should move a reader, 0 to 1; findings are told in its order.
        matrix: the matrix that shows it best; None if it is about all of them.
        section: the part of the page that shows it: `matrix`, `table`, or the name of a section.
    """

    heading: str
    text: str
    weight: float
    matrix: str | None = None
    section: str = "matrix"


def listed(names: Sequence[str], *, most: int) -> str:
    """Names in a sentence, the first few of them.

    >>> listed(["a", "b", "c"], most=2), listed(["a", "b"], most=2), listed(["a"], most=2)
    ('a, b and 1 more', 'a and b', 'a')
    """
    shown, more = list(names[:most]), len(names) - most
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
