"""All subjects of analysis, in the order in which they are shown; to add one is to write its folder and its line."""

from typing import Any

from eigenlm.analysis import activations, curvature, senses, spectra
from eigenlm.analysis.section import Section

SECTIONS: tuple[Section[Any], ...] = (
    spectra.SECTION,
    activations.SECTION,
    curvature.SECTION,
    senses.SECTION,
)
