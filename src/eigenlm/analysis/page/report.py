"""What a page is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eigenlm.analysis.analysis import Analysis
from eigenlm.analysis.page.effect import BeforeAfter, PlannedRank


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a page shows.

    Attributes:
        title: the model's name.
        analysis: its matrices.
        facts: a few words about it, label to value.
        model: what `eigenlm.analyze` takes to return the same numbers.
        options: what else it was told, by name.
        plan: what happens to each matrix that a plan touches.
        before_after: what came of it.
    """

    title: str
    analysis: Analysis
    facts: Mapping[str, str] = field(default_factory=dict)
    model: str = "MODEL"
    options: Mapping[str, str | bool] = field(default_factory=dict)
    plan: tuple[PlannedRank, ...] = ()
    before_after: BeforeAfter | None = None
