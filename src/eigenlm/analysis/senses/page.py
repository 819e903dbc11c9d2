"""The senses of a word on the page: their separation by layer, and how evenly vectors use their space."""

from eigenlm.analysis.page_part import PagePart, filled
from eigenlm.analysis.section import Results
from eigenlm.analysis.senses.word_senses import Senses
from eigenlm.config import to_dict
from eigenlm.offline_page import part

_HERE = "eigenlm.analysis.senses"


def page(found: Senses, _: Results) -> PagePart:
    """Charts by layer."""
    return PagePart(
        html=filled(_HERE, "page.html", {"senses": found}),
        links=(("senses", "Senses of a word"),),
        script=part(_HERE, "page.js"),
        data=to_dict(found),
    )
