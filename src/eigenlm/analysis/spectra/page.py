"""The selected matrix on the page: its spectrum beside noise and power laws, and what a rank keeps."""

from eigenlm.analysis.page_part import PagePart, filled
from eigenlm.analysis.section import Results
from eigenlm.analysis.spectra.columns import COLUMNS
from eigenlm.analysis.spectra.curves import drawn_spectra
from eigenlm.analysis.spectra.measuring import Spectra
from eigenlm.offline_page import part

_HERE = "eigenlm.analysis.spectra"


def page(found: Spectra, results: Results) -> PagePart:
    """Charts of one matrix, and the columns of all of them."""
    values = {
        "has_noise": any(matrix.noise is not None for matrix in found.matrices),
        "has_outputs": "activations" in results,
    }
    return PagePart(
        html=filled(_HERE, "matrix.html", values),
        links=(("matrix", "One matrix"),),
        of_matrix=True,
        script=part(_HERE, "matrix.js", "rank.js"),
        data={"reasons": {matrix.name: matrix.tail.reason for matrix in found.matrices if matrix.tail is not None}},
        rows={matrix.name: matrix for matrix in found.matrices},
        columns=COLUMNS,
        curves=drawn_spectra(found.matrices),
    )
