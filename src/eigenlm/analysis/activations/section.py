"""What a model does with a text, as a section of an analysis: measured whenever the model is run."""

from eigenlm.analysis.activations.findings import activation_findings
from eigenlm.analysis.activations.page import page
from eigenlm.analysis.activations.reading import Activations, activations
from eigenlm.analysis.activations.tables import activation_tables
from eigenlm.analysis.section import Section
from eigenlm.analysis.subject import Subject
from eigenlm.analysis.term import read_terms


def _measure(subject: Subject) -> Activations | None:
    at_work = subject.at_work
    return None if at_work is None else activations(*at_work)


SECTION = Section[Activations](
    name="activations",
    title="Activations",
    measure=_measure,
    adds="--text FILE",
    terms=read_terms("eigenlm.analysis.activations"),
    tables=activation_tables,
    findings=activation_findings,
    page=page,
)
