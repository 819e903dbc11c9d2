"""One explained word."""

from typing import NamedTuple


class Term(NamedTuple):
    """A column's or chart's label and its definition, for a reader who has not met it."""

    label: str
    definition: str
