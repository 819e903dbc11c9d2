"""The measures of bias by name: which sets each takes, how it is had with its interval, and how it is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eigenlm.estimate import Estimate
from eigenlm.linalg.bootstrap import bootstrap
from eigenlm.vectors.bias import findings, formulas
from eigenlm.vectors.bias.formulas import Measured
from eigenlm.vectors.bias.permutation_test import permutation_test
from eigenlm.vectors.bias.score import BiasScore
from eigenlm.vectors.bias.word_sets import QuerySets, WordSet, refusal

_RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class BiasMetric:
    """A way to measure bias.

    Attributes:
        title: its name in full.
        meaning: what its figure says, for who has never met it.
        measure: the scores of a query, one or one for each set of attributes.
        refusal: why a query is not for it; empty if it is.
    """

    title: str
    meaning: str
    measure: Callable[[QuerySets, int], list[BiasScore]]
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


def _figures(
    formula: Callable[..., Measured], vectors: Sequence[Tensor], words: Sequence[WordSet], seed: int
) -> tuple[Estimate, dict[str, float]]:
    """The value of a formula with its interval, and what it gives for each of some words."""
    value = bootstrap(lambda *some: formula(*some).value, vectors, count=_RESAMPLES, seed=seed)
    names = [word for group in words for word in group.words]
    return value, dict(zip(names, formula(*vectors).by_word.tolist()))


def _vectors(groups: Sequence[WordSet]) -> list[Tensor]:
    return [group.vectors for group in groups]


def _names(groups: Sequence[WordSet]) -> tuple[str, ...]:
    return tuple(group.name for group in groups)


def _weat(sets: QuerySets, seed: int) -> list[BiasScore]:
    value, by_word = _figures(formulas.weat, _vectors(sets.all), sets.targets, seed)
    split, targets, attributes = len(sets.targets[0].words), _names(sets.targets), _names(sets.attributes)
    values = torch.tensor(list(by_word.values()), dtype=torch.float64)
    test = permutation_test(values[:split], values[split:], seed=seed)
    said = findings.lean(targets, attributes, value.value, test)
    told: dict[str, Any] = {"targets": targets, "attributes": attributes, "value": value, "by_word": by_word}
    return [BiasScore(metric="weat", finding=said, test=test, **told)]


def _rnsb(sets: QuerySets, seed: int) -> list[BiasScore]:
    def formula(*groups: Tensor) -> Measured:
        return formulas.relative_negative_sentiment(groups[:-2], *groups[-2:])

    value, by_word = _figures(formula, _vectors(sets.all), sets.targets, seed)
    said = findings.most_and_least(f"with {sets.attributes[1].name}", by_word)
    targets, attributes = _names(sets.targets), _names(sets.attributes)
    told: dict[str, Any] = {"targets": targets, "attributes": attributes, "value": value, "by_word": by_word}
    return [BiasScore(metric="rnsb", finding=said, **told)]


def _mac(sets: QuerySets, seed: int) -> list[BiasScore]:
    def formula(*groups: Tensor) -> Measured:
        return formulas.mean_average_cosine(groups[: len(sets.targets)], groups[len(sets.targets) :])

    value, by_word = _figures(formula, _vectors(sets.all), sets.targets, seed)
    said = findings.most_and_least("distant", by_word)
    targets, attributes = _names(sets.targets), _names(sets.attributes)
    told: dict[str, Any] = {"targets": targets, "attributes": attributes, "value": value, "by_word": by_word}
    return [BiasScore(metric="mac", finding=said, **told)]


def _rnd(targets: Sequence[str], attribute: str, value: Estimate) -> str:
    return findings.side(targets, attribute, Estimate(value=-value.value, low=-value.high, high=-value.low))


def _ect(targets: Sequence[str], attribute: str, value: Estimate) -> str:
    return findings.likeness(targets, attribute, value.value)


def _of_each_attribute(
    name: str,
    formula: Callable[..., Measured],
    finding: Callable[[Sequence[str], str, Estimate], str],
    groups: Callable[[Sequence[WordSet]], list[Tensor]] = _vectors,
) -> Callable[[QuerySets, int], list[BiasScore]]:
    """A measure of two groups and one set of attributes, of each set of attributes."""

    def measure(sets: QuerySets, seed: int) -> list[BiasScore]:
        targets, scores = _names(sets.targets), []
        for one in sets.attributes:
            value, by_word = _figures(formula, [*groups(sets.targets), one.vectors], [one], seed)
            told: dict[str, Any] = {"targets": targets, "attributes": (one.name,), "value": value, "by_word": by_word}
            scores.append(BiasScore(metric=name, finding=finding(targets, one.name, value), **told))
        return scores

    return measure


def _as_pairs(groups: Sequence[WordSet]) -> list[Tensor]:
    return [torch.stack(_vectors(groups), dim=1)]


METRICS = {
    "weat": BiasMetric(
        title="WEAT, the Word Embedding Association Test",
        meaning="The effect says how many standard deviations farther the first group stands towards the first"
        " attribute than the second group does: 0 for no difference, 2 at most; 0.2 is called small, 0.5 medium, 0.8"
        " large. p is the share of all ways to deal the same words into two such groups that differ at least as much.",
        measure=_weat,
        refusal=_takes(2, 2),
    ),
    "rnd": BiasMetric(
        title="RND, relative norm distance",
        meaning="How much farther words of an attribute lie from the middle of the first group than from that of the"
        " second: below 0, they are nearer to the first.",
        measure=_of_each_attribute("rnd", formulas.relative_norm_distance, _rnd),
        refusal=_takes(2, None),
    ),
    "rnsb": BiasMetric(
        title="RNSB, relative negative sentiment bias",
        meaning="How unevenly a classifier that tells the attributes apart puts the target words with the second one:"
        " 0 if it does so with all words alike, more the more they differ.",
        measure=_rnsb,
        refusal=_takes(None, 2),
    ),
    "mac": BiasMetric(
        title="MAC, mean average cosine distance",
        meaning="The mean distance, 1 - cosine, of target words from attributes: 1 if they have nothing to do with each"
        " other.",
        measure=_mac,
        refusal=_takes(None, None),
    ),
    "ripa": BiasMetric(
        title="RIPA, relational inner product",
        meaning="How far words of an attribute lie along the way from the second word of a pair to the first: above 0,"
        " they lean to the first.",
        measure=_of_each_attribute("ripa", formulas.relational_inner_product, findings.side, _as_pairs),
        refusal=_pairs_alone,
    ),
    "ect": BiasMetric(
        title="ECT, embedding coherence test",
        meaning="Rank correlation of how near words of an attribute are to the one group and to the other: 1 if both"
        " groups order them alike.",
        measure=_of_each_attribute("ect", formulas.embedding_coherence, _ect),
        refusal=_takes(2, None),
    ),
}
