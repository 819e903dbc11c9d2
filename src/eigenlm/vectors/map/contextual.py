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
        groups: the number of the group, or sense, that each was put into; None where the file says nothing of it.
    """

    word: str
    sentences: tuple[str, ...]
    places: Float[Tensor, "n 2"]
    told: str
    groups: tuple[int, ...] | None = None

    def drawn(self) -> dict[str, Any]:
        """What the page's script draws: plain JSON values."""
        places = [[float(f"{at:.6g}") for at in place] for place in self.places.tolist()]
        return {"word": self.word, "sentences": list(self.sentences), "places": places, "groups": self.groups}


def read_contextual(path: Path) -> Contextual:
    """Read `{"word": ..., "sentences": [{"text": ..., "vector": [...]}, ...]}`, or what `vectors word --json` prints.

    Vectors are drawn along their two principal axes; `"xy": [x, y]` may stand in place of every vector. A sentence may
    have a `"group"`, a whole number.

    Raises:
        DataError: no such file, or something else in it.
    """
    try:
        read = read_json(path)
    except (OSError, ValueError) as error:
        raise DataError(explain(f"reading {path}", expected="a JSON file", got=str(error)[:200])) from error
    try:
        return _parsed(read)
    except (KeyError, TypeError, ValueError) as error:
        expected = '{"word": ..., "sentences": [{"text": ..., "vector": [...]}, ...]}, vectors of one length'
        raise DataError(explain(f"reading {path}", expected=expected, got=f"something else ({error})"[:200])) from error


def _parsed(read: Any) -> Contextual:
    sentences = list(read["sentences"])
    key = "vector" if all("vector" in one for one in sentences) else "xy"
    rows = torch.tensor([[float(x) for x in one[key]] for one in sentences]).double()
    if rows.ndim != 2 or not rows.numel() or (key == "xy" and rows.shape[1] != 2) or not rows.isfinite().all():
        raise ValueError("vectors that are empty, of two lengths or not finite")
    places, told = rows, "Places are as the file has them."
    if key == "vector":
        places, shares = flat(rows)
        told = (
            f"The two principal axes of {counted(rows.shape[1], 'dimension')} keep {sum(shares):.1%} of the variance."
        )
    return Contextual(
        word=str(read["word"]),
        sentences=tuple(str(one["text"]) for one in sentences),
        places=places.float(),
        told=told,
        groups=tuple(int(one["group"]) for one in sentences) if all("group" in one for one in sentences) else None,
    )
