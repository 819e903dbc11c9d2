"""A space bent to a purpose: words that belong together come together, and the rest stays as far as it can."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.linalg.ridge_map import ridge_map
from eigenlm.linalg.similarity import unit_rows
from eigenlm.vectors.change import ChangedScore, changed_mean, changed_share
from eigenlm.vectors.word_vectors import WordVectors

_FOLDS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class ReshapedVectors:
    """A space, and what became of words that it was not learned from.

    Attributes:
        space: the same words, their vectors mapped.
        matrix: W (D, D), which maps a row x to x W.
        trained: words that it was learned from.
        unknown: words that have no vector.
        effect: on words before and after, each by a map that was learned without it.
    """

    space: WordVectors
    matrix: Float[Tensor, "D D"]
    trained: int
    unknown: int
    effect: tuple[ChangedScore, ...]


@dataclass(frozen=True, kw_only=True)
class _Fold:
    """Groups to learn from, words that are in none of them, and words to hold these against.

    Attributes:
        learned: the groups.
        held: (n) words.
        others: (m) words.
        belongs: (n, m) whether two of them belong together.
    """

    learned: Sequence[Sequence[str]]
    held: Sequence[str]
    others: Sequence[str]
    belongs: Bool[Tensor, "n m"]


def reshape_by_labels(
    space: WordVectors, labels: Sequence[tuple[str, str]], *, penalty: float = 0.3, strength: float = 1.0, seed: int = 0
) -> ReshapedVectors:
    """Bring words of one label together, and away from those of the others.

    W minimises sum_i |u_i W - t_i|^2 + lambda ||W - I||_F^2 over vectors u_i at length 1: every word shall move as its
    group's mean m_g lies from the mean m of all groups, t_i = u_i + strength (m_g - m). Where no word of a group is,
    nothing is learned, and the ridge keeps W at the identity.

    Args:
        space: words and vectors.
        labels: words, each with the name of its group.
        penalty: lambda, in units of the words' mean squared length along a direction; the larger, the more stays.
        strength: how far words shall move; 0 for not at all.
        seed: of the folds, a fifth of every group each: a map learned from the other four is what is measured on it.

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
    folds = _folds_of_groups(list(groups.values()), seed)
    unknown = sum(word not in space for word, _ in labels)
    return _reshaped(space, list(groups.values()), folds, unknown, penalty, strength)


def reshape_by_pairs(
    space: WordVectors, pairs: Sequence[tuple[str, str]], *, penalty: float = 0.3, strength: float = 1.0, seed: int = 0
) -> ReshapedVectors:
    """Bring the two words of each pair together: every pair is a group, as in `reshape_by_labels`.

    The folds are of words: no pair with a word of a fold is learned from for it.

    Raises:
        DataError: too few known pairs to learn from.
    """
    known = [pair for pair in dict.fromkeys(pairs) if pair[0] in space and pair[1] in space and pair[0] != pair[1]]
    folds = _folds_of_pairs(known, seed)
    if sum(len(fold.held) for fold in folds) < 2:
        got, do = f"{len(known)} known", "give more, of more different words"
        raise DataError(explain("reshaping by pairs", expected="pairs to learn from and to measure", got=got, do=do))
    unknown = len({word for pair in pairs for word in pair if word not in space})
    return _reshaped(space, known, folds, unknown, penalty, strength)


def _reshaped(
    space: WordVectors,
    groups: Sequence[Sequence[str]],
    folds: Sequence[_Fold],
    unknown: int,
    penalty: float,
    strength: float,
) -> ReshapedVectors:
    W = _map(space, groups, penalty, strength)
    maps = [_map(space, fold.learned, penalty, strength) for fold in folds]
    before, after = (
        torch.cat([_told(space, fold, M) for fold, M in zip(folds, some)])
        for some in ([torch.eye(space.dim)] * len(folds), maps)
    )
    return ReshapedVectors(
        space=WordVectors(space.words, space.vectors @ W, space.source),
        matrix=W,
        trained=len({word for words in groups for word in words}),
        unknown=unknown,
        effect=(
            changed_mean("cosine with words it belongs with", before[:, 0], after[:, 0]),
            changed_mean("cosine with the others", before[:, 1], after[:, 1]),
            changed_mean("the first less the second", before[:, 0] - before[:, 1], after[:, 0] - after[:, 1]),
            changed_share("the nearest is one it belongs with", before[:, 2] > 0, after[:, 2] > 0),
        ),
    )


def _map(space: WordVectors, groups: Sequence[Sequence[str]], penalty: float, strength: float) -> Float[Tensor, "D D"]:
    units = [space.unit(words) for words in groups]
    means = torch.stack([rows.mean(0) for rows in units])
    steps = torch.cat([step.expand_as(rows) for step, rows in zip(means - means.mean(0), units)])
    X = torch.cat(units)
    return ridge_map(X, X + strength * steps, penalty * len(X) / space.dim, torch.eye(space.dim))


def _told(space: WordVectors, fold: _Fold, W: Float[Tensor, "D D"]) -> Float[Tensor, "n 3"]:
    """Each held-out word's mean cosine with its own, that with others, and whether the nearest is one of its own."""
    held, others = (unit_rows(space.unit(words) @ W) for words in (fold.held, fold.others))
    cosines = held @ others.mT
    own, other = (_mean_where(cosines, mask) for mask in (fold.belongs, ~fold.belongs))
    nearest = fold.belongs.gather(1, cosines.argmax(1, keepdim=True)).squeeze(1)
    return torch.stack([own, other, nearest.float()], dim=1)


def _mean_where(cosines: Float[Tensor, "n m"], mask: Bool[Tensor, "n m"]) -> Float[Tensor, " n"]:
    return (cosines * mask).sum(1) / mask.sum(1)


def _folds_of_groups(groups: Sequence[Sequence[str]], seed: int) -> list[_Fold]:
    generator = torch.Generator().manual_seed(seed)
    fold_of = {
        word: place % _FOLDS
        for words in groups
        for word, place in zip(words, torch.randperm(len(words), generator=generator).tolist())
    }
    group_of = {word: g for g, words in enumerate(groups) for word in words}
    folds = []
    for fold in sorted(set(fold_of.values())):
        held = [word for word in group_of if fold_of[word] == fold]
        learned = [[word for word in words if fold_of[word] != fold] for words in groups]
        others = [word for words in learned for word in words]
        belongs = _table(group_of[one] == group_of[other] for one in held for other in others)
        folds.append(_Fold(learned=learned, held=held, others=others, belongs=belongs.view(len(held), len(others))))
    return folds


def _folds_of_pairs(pairs: Sequence[tuple[str, str]], seed: int) -> list[_Fold]:
    """The first words of pairs that are held out, against the second words of all pairs."""
    words = list(dict.fromkeys(word for pair in pairs for word in pair))
    order = torch.randperm(len(words), generator=torch.Generator().manual_seed(seed)).tolist()
    fold_of = {word: place % _FOLDS for word, place in zip(words, order)}
    known, folds = set(pairs), []
    for fold in range(_FOLDS):
        learned = [pair for pair in pairs if fold not in (fold_of[pair[0]], fold_of[pair[1]])]
        held = list(dict.fromkeys(one for one, _ in pairs if fold_of[one] == fold))
        others = [word for word in dict.fromkeys(other for _, other in pairs) if word not in held]
        belongs = _table((one, other) in known for one in held for other in others).view(len(held), len(others))
        told = (belongs.any(1) & ~belongs.all(1)).nonzero().flatten().tolist() if learned and others else []
        if told:
            kept = [held[i] for i in told]
            folds.append(_Fold(learned=learned, held=kept, others=others, belongs=belongs[told]))
    return folds


def _table(values: Iterable[bool]) -> Bool[Tensor, " n"]:
    return torch.tensor(list(values), dtype=torch.bool)
