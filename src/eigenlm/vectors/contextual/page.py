"""A word in its sentences as one offline page: a picture of every layer, and the sentences, lit up together."""

from pathlib import Path

from eigenlm.files import write_text
from eigenlm.offline_page import fill, part, policy
from eigenlm.vectors.contextual.word_in_context import WordInContext

_HERE, _STYLE = "eigenlm.vectors.contextual", "eigenlm.analysis.page"
_MARKS = 6  # shapes in the template, one for each group there can be


def write_page(found: WordInContext, model: str, path: str | Path) -> None:
    """Write the page, whole or not at all; it needs no network.

    Raises:
        DataError: the place cannot be written.
    """
    write_text(path, render(found, model))


def render(found: WordInContext, model: str) -> str:
    """The page as HTML."""
    script = part(_HERE, "page.js")
    values = {
        "title": f"{found.word}: one word in its sentences",
        "word": found,
        "model": model,
        "pictures": [_picture(found, layer) for layer in range(len(found.layers))],
        "style": part(_STYLE, "page.css") + "\n" + part(_HERE, "page.css"),
        "script": script,
        "policy": policy(script),
    }
    return fill(_HERE, "page.html", None, values, {"figure": _figure, "percent": "{:.0%}".format})


def _picture(found: WordInContext, layer: int) -> list[tuple[float, float, int]]:
    """Every occurrence as a point from -1 to 1, with its mark."""
    points = [place.xy_by_layer[layer] for place in found.sentences]
    widest = max((abs(x) for point in points for x in point), default=0) or 1.0
    marks = [place.group % _MARKS for place in found.sentences]
    return [(round(x / widest, 3), round(-y / widest, 3), mark) for (x, y), mark in zip(points, marks)]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
