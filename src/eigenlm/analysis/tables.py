"""An analysis as tables for a terminal; the page and the JSON hold more."""

from eigenlm.analysis import sections
from eigenlm.analysis.analysis import Analysis
from eigenlm.plain_table import PlainTable


def tables(analysis: Analysis, *, every: bool = False) -> list[PlainTable]:
    """The tables of all sections that were measured.

    Args:
        analysis: what was found.
        every: whether there is a row for every matrix, where a section can tell so much.
    """
    return [
        table
        for section in sections.SECTIONS
        if section.name in analysis.results
        for table in ((every and section.every) or section.tables)(analysis.results[section.name])
    ]
