"""The words that the page explains: those of every section, and those about a plan and what came of it."""

from collections.abc import Mapping

from eigenlm.analysis import sections
from eigenlm.analysis.term import Term

_EFFECT = {
    "planned_rank": Term("Kept rank", "The rank the plan leaves to this matrix. Dense: it stays as it is."),
    "planned_share": Term("Parameters kept", "Parameters after the plan, of those before."),
    "planned_loss": Term("Forecast loss", "This matrix's part of the forecast loss increase, in nats per token."),
    "nll": Term("Loss", "Mean negative log-likelihood of the text's tokens, in nats per token."),
    "perplexity": Term(
        "Perplexity",
        "exp(loss): as unsure, on average, as a choice among this many equally likely tokens.",
    ),
    "interval": Term(
        "95% interval",
        "Of 100 such intervals, from as many texts of the same kind, about 95 would hold the true value.",
    ),
}


def glossary() -> dict[str, Mapping[str, Term]]:
    """The terms in groups, by the group's heading."""
    groups = {heading: terms for section in sections.SECTIONS for heading, terms in section.terms.items()}
    return {**groups, "A plan and its effect": _EFFECT}


def all_terms() -> dict[str, Term]:
    """Every term by its key."""
    return {key: term for group in glossary().values() for key, term in group.items()}
