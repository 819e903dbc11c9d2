"""The words that the page explains: those of every section, and those about a plan and what came of it."""

from collections.abc import Mapping

from eigenlm.analysis import sections
from eigenlm.analysis.term import Term, read_terms


def glossary() -> dict[str, Mapping[str, Term]]:
    """The terms in groups, by the group's heading."""
    told = [*(section.terms for section in sections.SECTIONS), read_terms("eigenlm.analysis.page")]
    return {heading: words for groups in told for heading, words in groups.items()}


def all_terms() -> dict[str, Term]:
    """Every term by its key."""
    return {key: term for words in glossary().values() for key, term in words.items()}
