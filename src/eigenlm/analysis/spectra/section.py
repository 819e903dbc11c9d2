"""What matrices are like by themselves, as a section of an analysis: always there, and shared among ranks."""

from eigenlm.analysis.section import Section
from eigenlm.analysis.spectra.findings import spectra_findings
from eigenlm.analysis.spectra.measuring import Spectra, spectra
from eigenlm.analysis.spectra.page import page
from eigenlm.analysis.spectra.tables import kind_table, matrix_table
from eigenlm.analysis.term import read_terms

SECTION = Section[Spectra](
    name="spectra",
    title="Every matrix",
    measure=lambda subject: spectra(subject.model, ranks=subject.ranks),
    terms=read_terms("eigenlm.analysis.spectra"),
    tables=lambda found: [kind_table(found)],
    every=lambda found: [matrix_table(found)],
    findings=spectra_findings,
    page=page,
    shared=True,
)
