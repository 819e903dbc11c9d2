"""What a bias that has been taken out leaves: words that had it are still told apart by the company they keep."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.cluster.vq import kmeans2
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.estimate import Estimate
from eigenlm.linalg.logistic_regression import logistic_regression, probabilities
from eigenlm.linalg.seeded import seeded
from eigenlm.linalg.similarity import nearest, unit_rows
from eigenlm.linalg.wilson import wilson
from eigenlm.vectors.bias.hard_debias import Debiased
from eigenlm.vectors.word_vectors import WordVectors

_LOOKED_AT, _MOST_EACH, _NEIGHBOURS, _STARTS = 50_000, 500, 100, 10
_FEWEST = 10


@dataclass(frozen=True, kw_only=True)
class Separability:
    """How well words that had a bias to either side are told apart.

    Attributes:
        clustered: the share of them that two clusters, found without knowing the sides, put with their side, at least a
            half; with Wilson's interval.
        classified: the share of those not learned from that logistic regression, learned from the others, puts on
            their side; a half by chance.
        neighbours: correlation of a word's bias as it was with the share of its nearest words that had a bias to the
            same side; 0 if nothing is left. With Fisher's interval.
    """

    clustered: Estimate
    classified: Estimate
    neighbours: Estimate


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """What debiasing leaves.

    Attributes:
        first: words that lay farthest to the side of the first words of pairs, a few of them.
        second: likewise, of the second.
        each: how many words of either side were looked at.
        before: in the space as it was.
        after: in the space without the bias.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    each: int
    before: Separability
    after: Separability


def leftover(space: WordVectors, debiased: Debiased, *, seed: int = 0) -> Leftover:
    """Clusters, a classifier and neighbours of the words that had most of the bias (Gonen and Goldberg 2019).

    Of the first 50,000 words, without those that define the direction or mean it, the 500 farthest to either side of
    it, or an eighth of all words where those are fewer; arXiv:1903.03862, sections 4 and 5. Half of them are learned
    from.

    Args:
        space: as it was.
        debiased: without the bias.
        seed: of the clusters' beginnings and of which words are learned from.

    Raises:
        DataError: too few words.
    """
    g = debiased.axis.direction.float()
    looked_at, neutral = space.first(_LOOKED_AT), debiased.space.first(_LOOKED_AT)
    bias = looked_at.cosines(g)
    own = {*debiased.kept, *(word for pair in (*debiased.axis.pairs, *debiased.equalized) for word in pair)}
    free = torch.tensor([word not in own for word in looked_at.words]) & (looked_at.lengths > 0)
    order = free.nonzero()[:, 0]
    order = order[bias[order].argsort()]
    each = min(_MOST_EACH, len(order) // 8)
    if each < _FEWEST:
        expected = f"{8 * _FEWEST} words that neither define the direction nor mean it"
        raise DataError(explain("what debiasing leaves", expected=expected, got=len(order)))
    rows = torch.cat([order[:each], order[-each:]])
    before, after = (separability(unit_rows(one.vectors), rows, bias, seed=seed) for one in (looked_at, neutral))
    first, second = (tuple(space.words[i] for i in some.tolist()) for some in (order[:8], order[-8:].flip(0)))
    return Leftover(first=first, second=second, each=each, before=before, after=after)


def separability(
    units: Float[Tensor, "V D"], rows: Int[Tensor, " n"], bias: Float[Tensor, " V"], *, seed: int
) -> Separability:
    """How well words of either side are told apart.

    Args:
        units: the space, vectors of length 1.
        rows: words, as many with the one bias as with the other.
        bias: of every word, before anything was taken out; its sign is the side.
        seed: of the clusters' beginnings and of which words are learned from.
    """
    X, side = units[rows], torch.where(bias[rows] > bias[rows].median(), 1.0, -1.0)
    return Separability(
        clustered=_clustered(X, side, seed),
        classified=_classified(X, side, seed),
        neighbours=_neighbours(units, rows, bias),
    )


def _clustered(X: Tensor, side: Tensor, seed: int) -> Estimate:
    points, starts = X.double().numpy(), np.random.default_rng(seed)
    runs = [kmeans2(points, 2, minit="++", seed=starts) for _ in range(_STARTS)]
    _, labels = min(runs, key=lambda run: float(np.square(points - run[0][run[1]]).sum()))
    agree = int((torch.from_numpy(labels).bool() == (side > 0)).sum())
    return wilson(max(agree, len(X) - agree), len(X))


def _classified(X: Tensor, side: Tensor, seed: int) -> Estimate:
    order = torch.randperm(len(X), generator=seeded(seed))
    learned, asked = order[::2], order[1::2]
    w = logistic_regression(X[learned], side[learned])
    right = (probabilities(X[asked], w) > 0.5) == (side[asked] > 0)
    return wilson(int(right.sum()), len(asked))


def _neighbours(units: Tensor, rows: Tensor, bias: Tensor) -> Estimate:
    found = nearest(units[rows], units, min(_NEIGHBOURS + 1, len(units))).indices
    others = found != rows[:, None]
    share = ((bias[found] > 0) & others).sum(1) / others.sum(1)
    r = float(torch.corrcoef(torch.stack([bias[rows], share]).double())[0, 1])
    if math.isnan(r):
        return Estimate(value=0.0, low=-1.0, high=1.0)  # all shares alike
    half = 1.959963984540054 / math.sqrt(len(rows) - 3)
    z = math.atanh(min(max(r, -0.999999), 0.999999))
    return Estimate(value=r, low=math.tanh(z - half), high=math.tanh(z + half))
