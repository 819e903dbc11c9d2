"""What a measure of bias says of a query."""

from collections.abc import Mapping
from dataclasses import dataclass

from eigenlm.estimate import Estimate
from eigenlm.vectors.bias.permutation_test import PermutationTest


@dataclass(frozen=True, kw_only=True)
class BiasScore:
    """A measure of bias of the words of a query.

    Attributes:
        metric: its name.
        targets: names of the groups.
        attributes: names of the sets of attributes that it is about.
        value: the figure, with a bootstrap interval over the words of each set.
        by_word: what it is made of, of each target or each attribute.
        test: of WEAT, how likely as much is by chance.
        finding: what that says, in words.
    """

    metric: str
    targets: tuple[str, ...]
    attributes: tuple[str, ...]
    value: Estimate
    by_word: Mapping[str, float]
    test: PermutationTest | None = None
    finding: str = ""
