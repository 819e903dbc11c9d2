"""What became of the scores of a space whose vectors were changed, by the same questions before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from eigenlm.errors import DataError, explain
from eigenlm.estimate import Estimate
from eigenlm.linalg.paired import paired_mean
from eigenlm.linalg.similarity import nearest
from eigenlm.linalg.wilson import wilson
from eigenlm.progress import track
from eigenlm.vectors.analogies import answers
from eigenlm.vectors.similarity_sets import bootstrap_estimate, judged_pairs
from eigenlm.vectors.word_vectors import WordVectors

_QUERIES = 64  # words whose neighbours are looked for at once


@dataclass(frozen=True, kw_only=True)
class ChangedScore:
    """A score before and after.

    Attributes:
        name: of the score.
        asked: questions or pairs.
        before: of the first space.
        after: of the second.
        difference: after less before, with the interval of differences on the same questions.
    """

    name: str
    asked: int
    before: Estimate
    after: Estimate
    difference: Estimate


def changed_scores(
    before: WordVectors, after: WordVectors, *, questions: Path | None, pairs: Sequence[Path], most: int = 300_000
) -> list[ChangedScore]:
    """Analogies, without and with the words of the question as answers, and each set of pairs that people judged.

    Args:
        before: words and vectors.
        after: the same words with other vectors.
        questions: a file of analogies, or None.
        pairs: files of judged pairs.
        most: words of the spaces, from the first, among which analogies are answered.

    Raises:
        DataError: other words, or files that `answers` and `judged_pairs` refuse.
    """
    if before.words != after.words:
        got = f"{len(before):,} and {len(after):,} words"
        raise DataError(explain("comparing two spaces", expected="the same words in the same order", got=got))
    found = [] if questions is None else _changed_analogies(before, after, questions, most)
    return [*found, *(_changed_correlation(before, after, path) for path in pairs)]


def neighbours_kept(
    before: WordVectors, after: WordVectors, *, k: int = 10, words: int = 500, seed: int = 0
) -> Estimate:
    """The share of a word's k nearest neighbours that are its k nearest afterwards too, the mean over words drawn.

    Args:
        before: words and vectors.
        after: the same words with other vectors.
        k: neighbours of each.
        words: how many are drawn; all where there are fewer.
        seed: of the draw.
    """
    k = min(k, len(before) - 1)
    drawn = torch.randperm(len(before), generator=torch.Generator().manual_seed(seed))[:words]
    shares = []
    for some in track(drawn.split(_QUERIES), "neighbours before and after"):
        old, new = (nearest(space.vectors[some], space.vectors, k + 1).indices for space in (before, after))
        same = (old.unsqueeze(2) == new.unsqueeze(1)).any(2) & (old != some.unsqueeze(1))
        shares.append(same.sum(1).clamp_max(k) / k)  # a word with twins may not be its own nearest
    return paired_mean(torch.cat(shares))


def changed_share(name: str, old: Bool[Tensor, " n"], new: Bool[Tensor, " n"]) -> ChangedScore:
    """The share of cases that are right, with Wilson's intervals, and of the same cases the difference."""
    before, after = (wilson(int(right.sum()), len(right)) for right in (old, new))
    difference = paired_mean(new.double() - old.double())
    return ChangedScore(name=name, asked=len(old), before=before, after=after, difference=difference)


def changed_mean(name: str, old: Float[Tensor, " n"], new: Float[Tensor, " n"]) -> ChangedScore:
    """The mean of a figure over cases, and of the same cases the mean difference."""
    before, after, difference = (paired_mean(values) for values in (old, new, new.double() - old.double()))
    return ChangedScore(name=name, asked=len(old), before=before, after=after, difference=difference)


def _changed_analogies(before: WordVectors, after: WordVectors, questions: Path, most: int) -> list[ChangedScore]:
    old, new = (answers(space, questions, most=most) for space in (before, after))
    return [
        changed_share("analogies", old.correct, new.correct),
        changed_share("analogies, nothing left out", old.honest, new.honest),
    ]


def _changed_correlation(before: WordVectors, after: WordVectors, path: Path, seed: int = 0) -> ChangedScore:
    known = judged_pairs(before, path)
    (old, old_drawn), (new, new_drawn) = (
        known.correlations(known.cosines(space), seed=seed) for space in (before, after)
    )
    return ChangedScore(
        name=path.stem,
        asked=len(known.pairs),
        before=bootstrap_estimate(old, old_drawn),
        after=bootstrap_estimate(new, new_drawn),
        difference=bootstrap_estimate(new - old, new_drawn - old_drawn),
    )
