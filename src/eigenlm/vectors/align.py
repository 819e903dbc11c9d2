"""One space turned into another by words that mean the same: translation from a small dictionary."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.estimate import Estimate
from eigenlm.linalg.csls import mean_of_nearest, nearest_by_csls
from eigenlm.linalg.procrustes import procrustes
from eigenlm.linalg.ridge_map import ridge_map
from eigenlm.linalg.wilson import wilson
from eigenlm.vectors.word_lists import held_out
from eigenlm.vectors.word_vectors import WordVectors

AlignmentMethod = Literal["procrustes", "ridge"]
_AT = (1, 5)


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How often a held-out word's translation is among the first k answers.

    Attributes:
        k: answers that are looked at.
        nearest: by cosines.
        csls: by cosines less the hubness of each answer.
    """

    k: int
    nearest: Estimate
    csls: Estimate


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """A space in the coordinates of another.

    Attributes:
        space: the source's words, their vectors mapped.
        matrix: W (D, E), which maps a row x to x W.
        trained: pairs that it was learned from.
        held_out: source words that were kept for the precision.
        unknown: pairs of which a word has no vector.
        candidates: words of the target that translations were sought among.
        precision: on the held-out words, with Wilson's intervals.
    """

    space: WordVectors
    matrix: Float[Tensor, "D E"]
    trained: int
    held_out: int
    unknown: int
    candidates: int
    precision: tuple[Precision, ...]


def align(
    source: WordVectors,
    target: WordVectors,
    pairs: Sequence[tuple[str, str]],
    *,
    method: AlignmentMethod = "procrustes",
    penalty: float = 0.1,
    share: float = 0.2,
    most: int = 50_000,
    seed: int = 0,
) -> Alignment:
    """Learn a linear map of the source from pairs, and say how well it translates words it was not learned from.

    It is learned from vectors at length 1 (Xing and others 2015), and held-out words are in no pair that it is learned
    from. A word with several translations is right with any of them.

    Args:
        source: words and vectors that are mapped.
        target: those they are mapped to; they stay as they are.
        pairs: of a word of the source and one of the target that means the same.
        method: `procrustes`, a rotation, keeps all cosines of the source (Smith and others 2017, arXiv:1702.03859);
            `ridge`, any linear map, is Mikolov's least squares (arXiv:1309.4168) with a penalty, and also maps to
            another width.
        penalty: of the ridge, in units of the mean squared length of the training rows along a direction; 0 for none.
        share: of the source words, held out.
        most: words of either space, from the first, among which translations and hubness are sought.
        seed: of the draw of held-out words.

    Raises:
        DataError: fewer than two source words in the pairs that are known.
        ConfigError: a rotation between two widths.
    """
    if method == "procrustes" and source.dim != target.dim:
        got = f"{source.dim} and {target.dim} numbers a vector"
        raise ConfigError(explain("a rotation", expected="two spaces of one width", got=got, do="use --method ridge"))
    known = [(one, other) for one, other in pairs if one in source and other in target]
    if len({one for one, _ in known}) < 2:
        got = f"{len(known)} of {len(pairs)} pairs whose words both have vectors"
        raise DataError(explain("aligning two spaces", expected="two known source words at least", got=got))
    kept = held_out([one for one, _ in known], share, seed)
    learned = [pair for pair in known if pair[0] not in kept]
    X, Y = source.unit(one for one, _ in learned), target.unit(other for _, other in learned)
    W = procrustes(X, Y) if method == "procrustes" else ridge_map(X, Y, penalty * len(X) / source.dim)
    mapped = WordVectors(source.words, source.vectors @ W, source.source)
    gold = _translations(target, [pair for pair in known if pair[0] in kept])
    return Alignment(
        space=mapped,
        matrix=W,
        trained=len(learned),
        held_out=len(kept),
        unknown=len(pairs) - len(known),
        candidates=min(most, len(target)),
        precision=_precision(mapped, target, gold, most),
    )


def _translations(target: WordVectors, pairs: Sequence[tuple[str, str]]) -> dict[str, set[int]]:
    gold: dict[str, set[int]] = {}
    for one, other in pairs:
        gold.setdefault(one, set()).add(target.index(other))
    return gold


def _precision(mapped: WordVectors, target: WordVectors, gold: dict[str, set[int]], most: int) -> tuple[Precision, ...]:
    queries, table = mapped.unit(gold), target.vectors[:most]
    k = min(max(_AT), len(table))
    hubness = mean_of_nearest(table, mapped.vectors[:most])
    plain = nearest_by_csls(queries, table, torch.zeros_like(hubness), k).indices
    corrected = nearest_by_csls(queries, table, hubness, k).indices
    return tuple(
        Precision(k=k, nearest=_share_right(plain[:, :k], gold), csls=_share_right(corrected[:, :k], gold)) for k in _AT
    )


def _share_right(answers: Int[Tensor, "n k"], gold: dict[str, set[int]]) -> Estimate:
    right = sum(not wanted.isdisjoint(said) for wanted, said in zip(gold.values(), answers.tolist()))
    return wilson(right, len(gold))
