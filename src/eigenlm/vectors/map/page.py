"""One offline HTML page to find words in, add and subtract them, and see them along an axis."""

from pathlib import Path
from typing import Any

from eigenlm.analysis.term import read_terms
from eigenlm.files import write_text
from eigenlm.offline_page import as_json, fill, packed, part, policy
from eigenlm.vectors.map.contextual import Contextual
from eigenlm.vectors.map.packing import pack_places
from eigenlm.vectors.map.sentences import caption, lead, rounding
from eigenlm.vectors.map.word_map import WordMap

_HERE, _REPORT = "eigenlm.vectors.map", "eigenlm.analysis.page"
_SCRIPTS = (
    "page_state.js",
    "unpack.js",
    "space.js",
    "sums.js",
    "spelling.js",
    "camera.js",
    "colours.js",
    "points.js",
    "labels.js",
    "overlay.js",
    "picture.js",
    "gestures.js",
    "search.js",
    "answers.js",
    "axis.js",
    "strip.js",
    "contextual.js",
    "start.js",
)


def write_map(shown: WordMap, path: str | Path, contextual: Contextual | None = None) -> None:
    """Write the page, whole or not at all; it needs no network.

    Raises:
        DataError: the place cannot be written.
    """
    write_text(path, render(shown, contextual))


def render(shown: WordMap, contextual: Contextual | None = None) -> str:
    """The page as HTML."""
    script = part(_HERE, *_SCRIPTS)
    values = {
        "title": f"{shown.source}: a map of its words",
        "heading": shown.source,
        "lead": lead(shown),
        "rounding": rounding(shown),
        "glossary": [term for words in read_terms(_HERE).values() for term in words.values()],
        "contextual": contextual,
        "style": part(_REPORT, "page.css", "print.css") + part(_HERE, "map.css"),
        "script": script,
        "policy": policy(script),
        "words": packed(as_json(list(shown.words))),
        "codes": packed(shown.vectors.codes.numpy().tobytes()),
        "places": [packed(pack_places(one.places)[0].numpy().astype("<i2").tobytes()) for one in shown.layouts],
    }
    return fill(_HERE, "map.html", page_data(shown, contextual), values, {})


def page_data(shown: WordMap, contextual: Contextual | None = None) -> dict[str, Any]:
    """What the page's scripts read beside words, vectors and places: plain JSON values."""
    return {
        "dim": shown.vectors.codes.shape[1],
        "layouts": [
            {
                "name": one.name,
                "label": {"pca": "PCA", "umap": "UMAP"}[one.name],
                "caption": caption(one, kept, shown.dim),
                "origin": _origin(one.places, one.origin),
            }
            for one, kept in zip(shown.layouts, shown.kept)
        ],
        "contextual": None if contextual is None else contextual.drawn(),
    }


def _origin(places: Any, origin: tuple[float, float] | None) -> list[float] | None:
    """Where the zero vector stands, in the whole numbers that places are packed in."""
    if origin is None:
        return None
    _, middle, scale = pack_places(places)
    return [(at - mid) / scale for at, mid in zip(origin, middle)]
