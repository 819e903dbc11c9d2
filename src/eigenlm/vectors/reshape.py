"""A space bent to a purpose: words that should be near come nearer, and the rest stays as far as it can."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.linalg.ridge_map import ridge_map
from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.change import ChangedScore, changed_mean, changed_share
from eigenlm.vectors.word_lists import held_out
from eigenlm.vectors.word_vectors import WordVectors


@dataclass(frozen=True, kw_only=True, eq=False)
class ReshapedVectors:
    """A space, and what became of words that it was not learned from.

    Attributes:
        space: the same words, their vectors mapped.
        matrix: W (D, D), symmetric, with eigenvalues in (0, 1]; it maps a row x to x W.
        trained: words that it was learned from.
        unknown: words that have no vector.
        effect: on held-out words, before and after.
    """

    space: WordVectors
    matrix: Float[Tensor, "D D"]
    trained: int
    unknown: int
    effect: tuple[ChangedScore, ...]


def reshape_by_labels(
    space: WordVectors, labels: Sequence[tuple[str, str]], *, penalty: float = 1.0, share: float = 0.2, seed: int = 0
) -> ReshapedVectors:
    """Bring words of one label nearer to each other.

    W minimises sum_i |(u_i - m_i) W|^2 + lambda ||W - I||_F^2 over vectors u_i at length 1 and the mean m_i of their
    group: W = (I + S / lambda)^-1 with S = sum_i (u_i - m_i)(u_i - m_i)^T, so that a direction in which words of one
    group differ becomes short, and one in which they do not stays.

    Args:
        space: words and vectors.
        labels: words, each with the name of its group.
        penalty: lambda, in units of S's mean eigenvalue; the larger, the nearer W is to the identity.
        share: of the words of every group, held out.
        seed: of the draw of held-out words.

    Raises:
        DataError: fewer than two groups of two words that have vectors.
    """
    groups: dict[str, list[str]] = {}
    for word, label in dict.fromkeys(labels):
        if word in space:
            groups.setdefault(label, []).append(word)
    groups = {label: words for label, words in groups.items() if len(words) > 1}
    if len(groups) < 2:
        do = "give every label two words at least"
        got = f"{len(groups)} of words that have vectors"
        raise DataError(explain("reshaping by labels", expected="two groups at least", got=got, do=do))
    kept = {label: held_out(words, share, seed) for label, words in groups.items()}
    learned = {label: [word for word in words if word not in kept[label]] for label, words in groups.items()}
    W = _contraction([space.unit(words) for words in learned.values()], penalty)
    after = WordVectors(space.words, space.vectors @ W, space.source)
    return ReshapedVectors(
        space=after,
        matrix=W,
        trained=sum(map(len, learned.values())),
        unknown=sum(word not in space for word, _ in labels),
        effect=_effect_on_groups(space, after, learned, kept),
    )


def reshape_by_pairs(
    space: WordVectors, pairs: Sequence[tuple[str, str]], *, penalty: float = 1.0, share: float = 0.2, seed: int = 0
) -> ReshapedVectors:
    """Bring the two words of each pair nearer to each other: every pair is a group, as in `reshape_by_labels`.

    A share of the different words is held out: no pair with one of them is learned from, and all such pairs are
    measured.

    Raises:
        DataError: fewer than three known pairs, or none that is left to learn from.
    """
    known = [pair for pair in dict.fromkeys(pairs) if pair[0] in space and pair[1] in space and pair[0] != pair[1]]
    kept = held_out([word for pair in known for word in pair], share, seed) if known else set()
    learned = [pair for pair in known if kept.isdisjoint(pair)]
    measured = [pair for pair in known if not kept.isdisjoint(pair)]
    if not learned or len(measured) < 2:
        got = f"{len(known)} known, {len(learned)} of them left to learn from"
        raise DataError(explain("reshaping by pairs", expected="pairs to learn from and two to measure", got=got))
    W = _contraction([space.unit(pair) for pair in learned], penalty)
    after = WordVectors(space.words, space.vectors @ W, space.source)
    return ReshapedVectors(
        space=after,
        matrix=W,
        trained=len({word for pair in learned for word in pair}),
        unknown=len({word for pair in pairs for word in pair if word not in space}),
        effect=_effect_on_pairs(space, after, measured),
    )


def _contraction(groups: Sequence[Float[Tensor, "_ D"]], penalty: float) -> Float[Tensor, "D D"]:
    within = torch.cat([units - units.mean(0) for units in groups])
    D = within.shape[1]
    return ridge_map(within, torch.zeros_like(within), penalty * float(within.square().sum()) / D, torch.eye(D))


def _effect_on_groups(
    before: WordVectors, after: WordVectors, learned: dict[str, list[str]], kept: dict[str, set[str]]
) -> tuple[ChangedScore, ...]:
    """Of each held-out word with the words that were learned from: those of its group, and those of the others."""
    words = [(word, place) for place, label in enumerate(learned) for word in sorted(kept[label])]
    own = torch.tensor([place for _, place in words])
    group = torch.tensor([place for place, label in enumerate(learned) for _ in learned[label]])
    within, between, right = [], [], []
    for space in (before, after):
        held = space.unit(word for word, _ in words)
        others = space.unit(word for some in learned.values() for word in some)
        cosines, same = held @ others.mT, own[:, None] == group
        within.append((cosines * same).sum(1) / same.sum(1))
        between.append((cosines * ~same).sum(1) / (~same).sum(1))
        means = torch.stack([others[group == place].mean(0) for place in range(len(learned))])
        right.append((held @ unit_rows(means).mT).argmax(1) == own)
    return (
        changed_mean("cosine with words of its own label", *within),
        changed_mean("cosine with words of other labels", *between),
        changed_mean("the first less the second", *(one - other for one, other in zip(within, between))),
        changed_share("its own label is nearest", *right),
    )


def _effect_on_pairs(
    before: WordVectors, after: WordVectors, pairs: Sequence[tuple[str, str]]
) -> tuple[ChangedScore, ...]:
    """Of each held-out pair, and of its first word with the second words of the others."""
    within, between, right = [], [], []
    n = len(pairs)
    for space in (before, after):
        one, other = (space.unit(words) for words in zip(*pairs))
        cosines = one @ other.mT
        within.append(cosines.diagonal())
        between.append((cosines.sum(1) - cosines.diagonal()) / (n - 1))
        right.append(cosines.argmax(1) == torch.arange(n))
    return (
        changed_mean("cosine of the two words of a pair", *within),
        changed_mean("cosine of words of two pairs", *between),
        changed_mean("the first less the second", *(one - other for one, other in zip(within, between))),
        changed_share("its partner is the nearest of all pairs' words", *right),
    )
