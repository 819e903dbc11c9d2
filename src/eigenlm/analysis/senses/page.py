"""The senses of a word on the page: their separation by layer, and how evenly vectors use their space."""

from eigenlm.analysis.page_part import PagePart, filled, script_of
from eigenlm.analysis.section import Results
from eigenlm.analysis.senses.word_senses import Senses
from eigenlm.config import to_dict

_HERE = "eigenlm.analysis.senses"


def page(found: Senses, _: Results) -> PagePart:
    """Charts by layer."""
    return PagePart(
        html=filled(_HERE, "page.html", {"senses": found}),
        links=(("senses", "Senses of a word"),),
        script=script_of(_HERE, "page.js"),
        data=to_dict(found),
    )
