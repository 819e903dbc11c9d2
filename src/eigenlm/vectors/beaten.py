"""Whether another word answers a question better than the right one does, asked of many questions and all words."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Int64
from torch import Tensor

from eigenlm.machine.compiled import compiled

Rule = Literal["3CosAdd", "3CosMul"]
ZERO = 1e-3
"""Added to a cosine that is divided by (Levy and Goldberg 2014)."""

_TILE, _TILES = 512, 16  # words whose cosines stay in a processor's cache, and tiles that are made at once


def beaten(
    units: Float[Tensor, "V D"],
    questions: Int[Tensor, "n 3"],
    bars: Float[Tensor, " n"],
    without: Int[Tensor, "n k"],
    rule: Rule,
) -> Bool[Tensor, " n"]:
    """Whether a word of the space scores above the bar of a question.

    Questions share words: the cosines of each different word with all others are taken once, tile by tile, and a score
    is a sum or a product of three of them. A question that is beaten is asked no more.

    Args:
        units: vectors at length 1.
        questions: rows of a, b, c in `a is to b as c is to ?`.
        bars: a score for each.
        without: rows that do not count.
        rule: how scores are made.
    """
    words, terms = questions.unique(return_inverse=True)
    given, found = units[words], np.zeros(len(questions), np.bool_)
    asked = terms.numpy(), bars.numpy(), without.contiguous().numpy()
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for start, tiles in _tiles(units):
            near = given @ tiles.mT
            more = near if rule == "3CosAdd" else (1 + near) / 2
            less = near if rule == "3CosAdd" else 1 / (more + ZERO)

            def mark(tile: int, start: int = start, more: Tensor = more, less: Tensor = less) -> None:
                _mark((more[tile].numpy(), less[tile].numpy()), asked, start + tile * _TILE, rule == "3CosMul", found)

            list(pool.map(mark, range(len(tiles))))
    return torch.from_numpy(found)


def _tiles(units: Float[Tensor, "V D"]) -> Iterator[tuple[int, Float[Tensor, "tiles W D"]]]:
    """Rows in tiles, some at once with the number of the first row; the last tile is what is left."""
    whole = len(units) // _TILE * _TILE
    for number, tiles in enumerate(units[:whole].reshape(-1, _TILE, units.shape[1]).split(_TILES)):
        yield number * _TILES * _TILE, tiles
    if whole < len(units):
        yield whole, units[whole:].unsqueeze(0)


@compiled
def _mark(
    cosines: tuple[Float32[np.ndarray, "U W"], Float32[np.ndarray, "U W"]],
    asked: tuple[Int64[np.ndarray, "n 3"], Float32[np.ndarray, " n"], Int64[np.ndarray, "n k"]],
    start: int,
    product: bool,
    found: Bool[np.ndarray, " n"],
) -> None:
    """Look through a tile; only where something is above the bar, at which words it is."""
    (more, less), (terms, bars, without) = cosines, asked
    for q in range(len(found)):
        if found[q]:
            continue
        a, b, c, bar, above = terms[q, 0], terms[q, 1], terms[q, 2], bars[q], 0
        if product:
            for w in range(more.shape[1]):
                above += more[b, w] * more[c, w] * less[a, w] > bar
        else:
            for w in range(more.shape[1]):
                above += more[b, w] - less[a, w] + more[c, w] > bar
        if above:
            for w in range(more.shape[1]):
                score = more[b, w] * more[c, w] * less[a, w] if product else more[b, w] - less[a, w] + more[c, w]
                if score > bar and not (without[q] == start + w).any():
                    found[q] = True
                    break
