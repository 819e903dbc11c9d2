"""The measures of bias by name: which sets each takes, how it is had with its interval, and how it is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from eigenlm.linalg.bootstrap import bootstrap
from eigenlm.vectors.bias import findings, formulas
from eigenlm.vectors.bias.formulas import WordFigures
from eigenlm.vectors.bias.permutation_test import permutation_test
from eigenlm.vectors.bias.score import BiasScore
from eigenlm.vectors.bias.word_sets import QuerySets, WordSet, refusal

_RESAMPLES = 1000
Measure = Callable[[QuerySets, int], list[BiasScore]]


@dataclass(frozen=True, kw_only=True)
class BiasMetric:
    """A way to measure bias.

    Attributes:
        title: its name in full.
        meaning: what its figure says, for who has never met it.
        measure: the scores of a query, one or one for each set of attributes.
        finding: a score in words.
        refusal: why a query is not for it; empty if it is.
    """

    title: str
    meaning: str
    measure: Measure
    finding: Callable[[BiasScore], str]
    refusal: Callable[[QuerySets], str]


def _takes(targets: int | None, attributes: int | None, *, fewest: int = 2) -> Callable[[QuerySets], str]:
    """A check of how many sets of targets and attributes there are, None for any number, and of how many words."""

    def refuse(sets: QuerySets) -> str:
        for said, wanted, groups in (
            ("groups", targets, sets.targets),
            ("sets of attributes", attributes, sets.attributes),
        ):
            if wanted is not None and len(groups) != wanted:
                return f"it takes {wanted} {said}, and there are {len(groups)}"
        return refusal(sets.all, fewest)

    return refuse


def _pairs_alone(sets: QuerySets) -> str:
    return _takes(2, None, fewest=1)(sets) if sets.paired else "it takes pairs of words (paired = true)"


def _score(
    metric: str,
    formula: Callable[..., WordFigures],
    vectors: Sequence[Tensor],
    sets: QuerySets,
    attributes: Sequence[WordSet],
    words: Sequence[WordSet],
    seed: int,
) -> BiasScore:
    """The value of a formula with its interval, and what it gives for each of some words; not yet in words."""
    names = [word for group in words for word in group.words]
    return BiasScore(
        metric=metric,
        targets=tuple(group.name for group in sets.targets),
        attributes=tuple(group.name for group in attributes),
        value=bootstrap(lambda *some: formula(*some).value, vectors, count=_RESAMPLES, seed=seed),
        by_word=dict(zip(names, formula(*vectors).by_word.tolist())),
    )


def _of_the_query(metric: str, formula: Callable[[QuerySets], Callable[..., WordFigures]]) -> Measure:
    """A measure of all sets of a query, which says something of each target."""

    def measure(sets: QuerySets, seed: int) -> list[BiasScore]:
        return [_score(metric, formula(sets), _vectors(sets.all), sets, sets.attributes, sets.targets, seed)]

    return measure


def _of_each_attribute(
    metric: str,
    formula: Callable[..., WordFigures],
    groups: Callable[[Sequence[WordSet]], list[Tensor]],
) -> Measure:
    """A measure of two groups and one set of attributes, which says something of each attribute."""

    def measure(sets: QuerySets, seed: int) -> list[BiasScore]:
        targets = groups(sets.targets)
        return [_score(metric, formula, [*targets, one.vectors], sets, [one], [one], seed) for one in sets.attributes]

    return measure


def _weat(sets: QuerySets, seed: int) -> list[BiasScore]:
    score = _score("weat", formulas.weat, _vectors(sets.all), sets, sets.attributes, sets.targets, seed)
    split = len(sets.targets[0].words)
    values = torch.tensor(list(score.by_word.values()), dtype=torch.float64)
    return [replace(score, test=permutation_test(values[:split], values[split:], seed=seed))]


def _rnsb(sets: QuerySets) -> Callable[..., WordFigures]:
    return lambda *groups: formulas.relative_negative_sentiment(groups[:-2], *groups[-2:])


def _mac(sets: QuerySets) -> Callable[..., WordFigures]:
    count = len(sets.targets)
    return lambda *groups: formulas.mean_average_cosine(groups[:count], groups[count:])


def _vectors(groups: Sequence[WordSet]) -> list[Tensor]:
    return [group.vectors for group in groups]


def _as_pairs(groups: Sequence[WordSet]) -> list[Tensor]:
    return [torch.stack(_vectors(groups), dim=1)]


METRICS = {
    "weat": BiasMetric(
        title="WEAT, the Word Embedding Association Test",
        meaning="The effect says how many standard deviations farther the first group stands towards the first"
        " attribute than the second group does: 0 for no difference, 2 at most; 0.2 is called small, 0.5 medium, 0.8"
        " large. p is the share of all ways to deal the same words into two such groups that differ at least as much,"
        " the attributes being what they are; the interval says how far the effect may be if other words of the same"
        " kinds had been chosen, attributes too.",
        measure=_weat,
        finding=findings.lean,
        refusal=_takes(2, 2),
    ),
    "rnd": BiasMetric(
        title="RND, relative norm distance",
        meaning="How much farther words of an attribute lie from the middle of the first group than from that of the"
        " second: below 0, they are nearer to the first.",
        measure=_of_each_attribute("rnd", formulas.relative_norm_distance, _vectors),
        finding=findings.nearer_below_zero,
        refusal=_takes(2, None),
    ),
    "rnsb": BiasMetric(
        title="RNSB, relative negative sentiment bias",
        meaning="How unevenly a classifier that tells the attributes apart puts the target words with the second one:"
        " 0 if it does so with all words alike, more the more they differ.",
        measure=_of_the_query("rnsb", _rnsb),
        finding=findings.most_with_the_second,
        refusal=_takes(None, 2),
    ),
    "mac": BiasMetric(
        title="MAC, mean average cosine distance",
        meaning="The mean distance, 1 - cosine, of target words from attributes: 1 if they have nothing to do with each"
        " other.",
        measure=_of_the_query("mac", _mac),
        finding=findings.most_distant,
        refusal=_takes(None, None),
    ),
    "ripa": BiasMetric(
        title="RIPA, relational inner product",
        meaning="How far words of an attribute lie along the way from the second word of a pair to the first: above 0,"
        " they lean to the first.",
        measure=_of_each_attribute("ripa", formulas.relational_inner_product, _as_pairs),
        finding=findings.nearer_above_zero,
        refusal=_pairs_alone,
    ),
    "ect": BiasMetric(
        title="ECT, embedding coherence test",
        meaning="Rank correlation of how near words of an attribute are to the one group and to the other: 1 if both"
        " groups order them alike.",
        measure=_of_each_attribute("ect", formulas.embedding_coherence, _vectors),
        finding=findings.likeness,
        refusal=_takes(2, None),
    ),
}
