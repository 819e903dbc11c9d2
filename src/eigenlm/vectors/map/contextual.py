"""One word in its sentences: a vector for each, made by a model that read the sentence, beside the one of the map."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import DataError, counted, explain
from eigenlm.files import read_json
from eigenlm.vectors.map.layout import flat


@dataclass(frozen=True, eq=False, kw_only=True)
class Contextual:
    """A word, its sentences, and a place in the plane for each.

    Attributes:
        word: the word.
        sentences: the texts.
        places: x and y of the word in each.
        told: how the places were made.
    """

    word: str
    sentences: tuple[str, ...]
    places: Float[Tensor, "n 2"]
    told: str

    def drawn(self) -> dict[str, Any]:
        """What the page's script draws: plain JSON values."""
        places = [[float(f"{at:.6g}") for at in place] for place in self.places.tolist()]
        return {"word": self.word, "sentences": list(self.sentences), "places": places}


def read_contextual(path: Path) -> Contextual:
    """Read `{"word": ..., "sentences": [{"text": ..., "vector": [...]}, ...]}`; `"xy": [x, y]` may stand for a vector.

    Vectors are drawn along their two principal axes.

    Raises:
        DataError: no such file, or something else in it.
    """
    try:
        read = read_json(path)
    except (OSError, ValueError) as error:
        raise DataError(explain(f"reading {path}", expected="a JSON file", got=str(error)[:200])) from error
    try:
        word, texts, rows, drawn = _parsed(read)
    except (KeyError, TypeError, ValueError) as error:
        expected = '{"word": ..., "sentences": [{"text": ..., "vector": [...]}, ...]}, vectors of one length'
        raise DataError(explain(f"reading {path}", expected=expected, got=f"something else ({error})"[:200])) from error
    if drawn:
        return Contextual(word=word, sentences=texts, places=rows.float(), told="Places are as the file has them.")
    places, shares = flat(rows)
    told = f"The two principal axes of {counted(rows.shape[1], 'dimension')} keep {sum(shares):.1%} of the variance."
    return Contextual(word=word, sentences=texts, places=places.float(), told=told)


def _parsed(read: Any) -> tuple[str, tuple[str, ...], Float[Tensor, "n D"], bool]:
    """The word, its sentences, a row for each, and whether rows are places already."""
    sentences = list(read["sentences"])
    drawn = not all("vector" in one for one in sentences)
    rows = torch.tensor([[float(x) for x in one["xy" if drawn else "vector"]] for one in sentences]).double()
    if rows.ndim != 2 or not rows.numel() or (drawn and rows.shape[1] != 2) or not rows.isfinite().all():
        raise ValueError("vectors that are empty, of two lengths or not finite")
    return str(read["word"]), tuple(str(one["text"]) for one in sentences), rows, drawn
