"""How the labels of the sentences could have fallen: every arrangement, or many at random; and resampled sentences."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from eigenlm.linalg.seeded import seeded


@dataclass(frozen=True)
class Relabellings:
    """Arrangements of the labels, the given one among them.

    Attributes:
        labels: a row for each, (P, C); each sense keeps its number of sentences.
        exact: whether these are all there are.
    """

    labels: Int[Tensor, "P C"]
    exact: bool


def relabellings(labels: Int[Tensor, " C"], *, most: int, seed: int) -> Relabellings:
    """All arrangements if they are at most `most`, else the given one and `most - 1` at random.

    The share of arrangements that reach what the given one does is then a valid p, never 0 (arXiv:1603.05766).

    >>> relabellings(torch.tensor([0, 0, 1, 1]), most=10, seed=0).labels.shape
    torch.Size([6, 4])
    """
    sizes = labels.bincount().tolist()
    count = math.factorial(len(labels)) // math.prod(map(math.factorial, sizes))
    if count <= most:
        return Relabellings(torch.tensor(list(_arrangements(len(labels), sizes))), exact=True)
    order = torch.rand(most - 1, len(labels), generator=seeded(seed)).argsort(dim=1)
    return Relabellings(torch.cat([labels[None], labels[order]]), exact=False)


def resamples(labels: Int[Tensor, " C"], *, count: int, seed: int) -> Float64[Tensor, "P k C"]:
    """How often each sentence is drawn when each sense's are drawn again with replacement, (P, senses, C)."""
    generator = seeded(seed)
    weights = torch.zeros(count, int(labels.max()) + 1, len(labels), dtype=torch.float64)
    for sense, size in enumerate(labels.bincount().tolist()):
        own = (labels == sense).nonzero()[:, 0]
        drawn = own[torch.randint(size, (count, size), generator=generator)]
        weights[:, sense].scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))
    return weights


def _arrangements(length: int, sizes: Sequence[int]) -> Iterator[list[int]]:
    """Every row of this length that holds label s sizes[s] times."""

    def place(sense: int, free: tuple[int, ...], row: list[int]) -> Iterator[list[int]]:
        if sense == len(sizes):
            yield row
            return
        for chosen in itertools.combinations(free, sizes[sense]):
            filled = [sense if i in chosen else label for i, label in enumerate(row)]
            yield from place(sense + 1, tuple(i for i in free if i not in chosen), filled)

    return place(0, tuple(range(length)), [0] * length)
