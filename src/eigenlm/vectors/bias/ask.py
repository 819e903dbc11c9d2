"""Queries put to a space: what each measure of bias says, or why it says nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eigenlm.errors import DataError, explain, nearest
from eigenlm.progress import track
from eigenlm.vectors.bias.metrics import METRICS
from eigenlm.vectors.bias.queries import BiasQuery
from eigenlm.vectors.bias.score import BiasScore
from eigenlm.vectors.bias.word_sets import QuerySets, find_sets
from eigenlm.vectors.word_vectors import WordVectors


@dataclass(frozen=True, kw_only=True)
class BiasAnswer:
    """What is found about a query.

    Attributes:
        query: its name.
        targets: names of the groups.
        attributes: names of the attributes.
        used: words with a vector, all sets together.
        missing: words without one.
        scores: what was measured.
        refused: what was not, by the name of the metric, and why.
    """

    query: str
    targets: tuple[str, ...]
    attributes: tuple[str, ...]
    used: int
    missing: tuple[str, ...]
    scores: tuple[BiasScore, ...]
    refused: dict[str, str]


def bias(
    space: WordVectors, queries: Sequence[BiasQuery], metrics: Sequence[str] = ("weat",), *, seed: int = 0
) -> list[BiasAnswer]:
    """Measure how groups of words stand to attributes.

    A word without a vector is left out; a set that loses more than a fifth of its words is not measured.

    Args:
        space: words and vectors, which are taken as long as they are.
        queries: what is asked.
        metrics: names of `METRICS`.
        seed: of the bootstrap, and of the ways that a permutation test of many words draws.

    Raises:
        DataError: no metric of a name, vectors that are not finite, or no query that could be measured by any.

    >>> import torch
    >>> from eigenlm.vectors.bias.queries import parse_query
    >>> space = WordVectors(tuple("abcdefgh"), torch.eye(8)[:, :3] + torch.linspace(1, 2, 8)[:, None])
    >>> [answer] = bias(space, [parse_query("a, b / c, d ~ e, f / g, h")])
    >>> answer.used, answer.scores[0].test.ways
    (8, 6)
    """
    for name in metrics:
        if name not in METRICS:
            raise DataError(nearest("metrics", name, METRICS))
    answers = [answer_of(query.name, find_sets(space, query), metrics, seed) for query in track(queries, "measuring")]
    if not any(answer.scores for answer in answers):
        [why, *_] = [why for answer in answers for why in answer.refused.values()] or ["no query"]
        do = "choose words that the space has"
        raise DataError(explain(f"bias of {space.source}", expected="words with vectors", got=why, do=do))
    return answers


def answer_of(name: str, sets: QuerySets, metrics: Sequence[str], seed: int) -> BiasAnswer:
    """What metrics say of sets with vectors."""
    refused = {metric: why for metric in metrics if (why := METRICS[metric].refusal(sets))}
    scores = [score for metric in metrics if metric not in refused for score in METRICS[metric].measure(sets, seed)]
    return BiasAnswer(
        query=name,
        targets=tuple(group.name for group in sets.targets),
        attributes=tuple(group.name for group in sets.attributes),
        used=sum(len(group.words) for group in sets.all),
        missing=tuple(word for group in sets.all for word in group.missing),
        scores=tuple(replace(score, finding=METRICS[score.metric].finding(score)) for score in scores),
        refused=refused,
    )
