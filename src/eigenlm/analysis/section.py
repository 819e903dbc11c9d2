"""What a subject of analysis must say of itself, so that report, JSON and command line can iterate over all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from eigenlm.analysis.finding import Finding
from eigenlm.analysis.page_part import PagePart
from eigenlm.analysis.subject import Subject
from eigenlm.analysis.term import Term
from eigenlm.plain_table import PlainTable
from eigenlm.section_options import OPTIONS, Option

Found = TypeVar("Found")

Results = Mapping[str, Any]
"""What the sections found, by their names; a section that was not measured is not among them."""


@dataclass(frozen=True, kw_only=True)
class Section(Generic[Found]):
    """A subject of analysis: how it is measured, and how its result is shown.

    Attributes:
        name: what it is called in Python and in JSON: its result is `analysis.NAME`.
        title: what it is called on the page.
        measure: gives the result, or None if nobody asked for it; an `EigenError` says why it cannot be had.
        terms: the words that it explains, by heading and key.
        tables: the result as tables for a terminal.
        every: the same with a row for every matrix, where that differs.
        findings: what stands out in the result, given what the other sections found.
        page: its part of the page, given what the other sections found.
        adds: the words of a command line that add it to an analysis; empty if it is always there.
        read: turns what its option was given into what `measure` takes.
        shared: whether all ranks take part in measuring it; the others are measured by the first rank alone.
    """

    name: str
    title: str
    measure: Callable[[Subject], Found | None]
    terms: Mapping[str, Mapping[str, Term]]
    tables: Callable[[Found], Sequence[PlainTable]]
    findings: Callable[[Found, Results], Sequence[Finding]]
    page: Callable[[Found, Results], PagePart]
    every: Callable[[Found], Sequence[PlainTable]] | None = None
    adds: str = ""
    read: Callable[[Any], Any] = bool
    shared: bool = False

    @property
    def option(self) -> Option | None:
        """What asks for it; None if the text or the matrices alone do."""
        return OPTIONS.get(self.name)
