"""The curvature of a model's loss, as a section of an analysis: measured when it is asked for."""

from eigenlm.analysis.curvature.findings import curvature_findings
from eigenlm.analysis.curvature.measuring import curvature
from eigenlm.analysis.curvature.page import page
from eigenlm.analysis.curvature.results import Curvature
from eigenlm.analysis.curvature.tables import curvature_tables
from eigenlm.analysis.section import Section
from eigenlm.analysis.subject import Subject
from eigenlm.analysis.term import read_terms

# A product with the Hessian costs some ten forward passes, and there are hundreds of them.
_WINDOWS, _WINDOW = 2, 128


def _measure(subject: Subject) -> Curvature | None:
    if "curvature" not in subject.asked or (at_work := subject.at_work) is None:
        return None
    module, windows = at_work
    return curvature(module, windows[:_WINDOWS, :_WINDOW])


SECTION = Section[Curvature](
    name="curvature",
    title="Curvature",
    measure=_measure,
    adds="--curvature",
    terms=read_terms("eigenlm.analysis.curvature"),
    tables=curvature_tables,
    findings=curvature_findings,
    page=page,
)
